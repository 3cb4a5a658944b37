/** Kinds of `field.Error`; `FieldValue` before it makes the reason of a `Status` cause. */
export type FieldErrorType =
  | 'Invalid'
  | 'Required'
  | 'NotSupported'
  | 'NotFound'
  | 'Duplicate'
  | 'TooLong'
  | 'TypeInvalid'
  | 'Forbidden';

/** One thing wrong with one field, in Kubernetes' own words. */
export interface FieldError {
  /** e.g. `spec.containers[0].resources.limits[memory]`. */
  readonly field: string;
  readonly type: FieldErrorType;
  /** What stands there; absent where it says nothing (Required, Forbidden, TooLong). */
  readonly value?: unknown;
  /** What follows the field in kubectl's output, e.g. `Required value` or `Invalid value: "2Gb": quantities must …`. */
  readonly message: string;
}

/** Collects what is wrong. Methods are named after the constructors of apimachinery's `field` package. */
export class FieldErrors {
  readonly list: FieldError[] = [];

  invalid(field: string, value: unknown, detail: string): void {
    this.add({ field, type: 'Invalid', value, message: `Invalid value: ${shown(value)}: ${detail}` });
  }

  typeInvalid(field: string, value: unknown, wanted: string): void {
    const found = JSON.stringify(typeNameOf(value));
    const detail = `${field === '' ? 'the object' : field} in body must be of type ${wanted}: ${found}`;
    this.add({ field, type: 'TypeInvalid', value, message: `Invalid value: ${found}: ${detail}` });
  }

  required(field: string, detail = ''): void {
    this.add({ field, type: 'Required', message: `Required value${detail === '' ? '' : `: ${detail}`}` });
  }

  notSupported(field: string, value: unknown, supported: readonly unknown[]): void {
    const list = supported.map(shown).join(', ');
    this.add({
      field,
      type: 'NotSupported',
      value,
      message: `Unsupported value: ${shown(value)}: supported values: ${list}`,
    });
  }

  notFound(field: string, value: unknown): void {
    this.add({ field, type: 'NotFound', value, message: `Not found: ${shown(value)}` });
  }

  duplicate(field: string, value: unknown): void {
    this.add({ field, type: 'Duplicate', value, message: `Duplicate value: ${shown(value)}` });
  }

  tooLong(field: string, limitBytes: number): void {
    this.add({ field, type: 'TooLong', message: `Too long: may not be more than ${limitBytes} bytes` });
  }

  forbidden(field: string, detail: string): void {
    this.add({ field, type: 'Forbidden', message: `Forbidden: ${detail}` });
  }

  private add(error: FieldError): void {
    this.list.push(error);
  }
}

/** A value as it stands in a message; objects by their kind of value only, as Kubernetes does it. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return JSON.stringify(typeNameOf(value));
  return JSON.stringify(value) ?? 'null';
}

function typeNameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
