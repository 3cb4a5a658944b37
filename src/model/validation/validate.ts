import type { KindDefinition } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';
import { applyDefaults } from './defaults.ts';
import { type FieldError, FieldErrors } from './field-error.ts';
import {
  checkConfigMap,
  checkCustomResourceDefinition,
  checkInterruptionPolicy,
  checkLease,
  checkNode,
  checkPodCheckpoint,
  checkPodDisruptionBudget,
  checkPodGroupCheckpoint,
  checkPriorityClass,
  checkSecret,
} from './kind-rules.ts';
import { checkMetadata } from './metadata-rules.ts';
import { checkNewPod, checkPod } from './pod-rules.ts';
import { checked, type JsonSchema } from './schema-check.ts';
import {
  checkDataUpdate,
  checkDefinitionUpdate,
  checkMetadataUpdate,
  checkPodCheckpointUpdate,
  checkPodGroupCheckpointUpdate,
  checkPodUpdate,
  checkPriorityClassUpdate,
} from './update-rules.ts';

export interface ValidationOptions {
  /** `Ignore` and `Warn` keep unknown fields out of `errors`; `Strict` makes them errors. Default: `Ignore`. */
  readonly unknownFields?: 'Ignore' | 'Warn' | 'Strict';
  /** Whether the object is to be made now: a few things are refused only then. Default: false. */
  readonly creating?: boolean;
  /** The object as it was before, found valid then: what the two share is not looked at again. Default: everything is. */
  readonly known?: KubeObject;
}

export interface Validation<T> {
  readonly errors: FieldError[];
  /** Paths, e.g. `spec.contaners`; {@link unknownFieldMessage} words them. */
  readonly unknownFields: string[];
  /** The object as a server keeps it: without nulls and unknown fields, quantities in canonical form. */
  readonly object: T;
}

type Rule = (object: never, errors: FieldErrors) => void;
type UpdateRule = (old: never, next: never, errors: FieldErrors) => void;

/** Kinds whose rules look at nothing but the spec. */
const RULED_BY_SPEC: ReadonlySet<string> = new Set([
  'Pod',
  'PodDisruptionBudget',
  'Node',
  'Lease',
  'PodCheckpoint',
  'PodGroupCheckpoint',
  'InterruptionPolicy',
]);

/** What a schema cannot say, by kind. */
const RULES: Readonly<Record<string, Rule>> = {
  Pod: checkPod,
  PriorityClass: checkPriorityClass,
  PodDisruptionBudget: checkPodDisruptionBudget,
  ConfigMap: checkConfigMap,
  Secret: checkSecret,
  Node: checkNode,
  Lease: checkLease,
  CustomResourceDefinition: checkCustomResourceDefinition,
  PodCheckpoint: checkPodCheckpoint,
  PodGroupCheckpoint: checkPodGroupCheckpoint,
  InterruptionPolicy: checkInterruptionPolicy,
};

const UPDATE_RULES: Readonly<Record<string, UpdateRule>> = {
  Pod: checkPodUpdate,
  PriorityClass: checkPriorityClassUpdate,
  ConfigMap: checkDataUpdate,
  Secret: checkDataUpdate,
  CustomResourceDefinition: checkDefinitionUpdate,
  PodCheckpoint: checkPodCheckpointUpdate,
  PodGroupCheckpoint: checkPodGroupCheckpointUpdate,
};

/**
 * Whether the object is one of its kind: shape by schema, then what only code can say, in Kubernetes' words. Wants the
 * object with its defaults in. Never throws; where the shape is wrong, the finer rules are left out.
 */
export function validateObject<T extends KubeObject>(
  kind: KindDefinition,
  object: T,
  options?: ValidationOptions,
): Validation<T>;
export function validateObject(
  kind: KindDefinition,
  object: unknown,
  options?: ValidationOptions,
): Validation<KubeObject>;
export function validateObject(
  kind: KindDefinition,
  object: unknown,
  options: ValidationOptions = {},
): Validation<KubeObject> {
  const errors = new FieldErrors();
  const unknownFields: string[] = [];
  // Once it has passed, the schema vouches for the shape.
  const { known } = options;
  const findings = { errors, unknownFields };
  const clean = checked(kind.schema as JsonSchema, object, '', findings, known) as KubeObject & { spec?: unknown };
  if (options.unknownFields === 'Strict') {
    for (const field of unknownFields) errors.invalid(field, field, unknownFieldMessage(field));
  }
  if (!errors.list.some(({ type }) => type === 'TypeInvalid')) {
    // Rules read the metadata of whatever they are given; a draft may lack it.
    const whole: KubeObject = { ...clean, metadata: clean.metadata ?? {} };
    if (known === undefined || !hasMetadataOf(whole, known)) checkMetadata(kind.type, whole, errors);
    const isKnown = RULED_BY_SPEC.has(kind.type.kind) && clean.spec === (known as typeof clean | undefined)?.spec;
    if (known === undefined || !isKnown) {
      (RULES[kind.type.kind] as ((object: KubeObject, errors: FieldErrors) => void) | undefined)?.(whole, errors);
    }
    if (options.creating === true && kind.type.kind === 'Pod') checkNewPod(whole as never, errors);
  }
  return { errors: errors.list, unknownFields, object: clean };
}

/** In all that {@link checkMetadata} looks at. */
function hasMetadataOf({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  return (
    one.name === other.name &&
    one.namespace === other.namespace &&
    one.labels === other.labels &&
    one.annotations === other.annotations &&
    one.ownerReferences === other.ownerReferences
  );
}

/**
 * The object as a server takes it in: without nulls and unknown fields, quantities canonical, defaults filled in. What is
 * wrong with it {@link validateObject} says; an object with a value of a wrong form gets no defaults, lest they repeat it.
 *
 * @param known the object as it was before, taken in then: what the two share is not looked at again
 */
export function prepareObject<T extends KubeObject>(
  kind: KindDefinition,
  object: T,
  known?: T,
): { object: T; unknownFields: string[] } {
  const errors = new FieldErrors();
  const unknownFields: string[] = [];
  const clean = checked(kind.schema as JsonSchema, object, '', { errors, unknownFields }, known) as T;
  const sound = errors.list.every(({ type }) => type === 'Required' || type === 'NotSupported');
  return { object: sound ? applyDefaults(kind, clean) : clean, unknownFields };
}

/** Whether `old` may become `next`; both valid by themselves, with their defaults in. */
export function validateUpdate<T extends KubeObject>(kind: KindDefinition, old: T, next: T): FieldError[] {
  const errors = new FieldErrors();
  checkMetadataUpdate(old, next, errors);
  (UPDATE_RULES[kind.type.kind] as ((old: T, next: T, errors: FieldErrors) => void) | undefined)?.(old, next, errors);
  return errors.list;
}

/** As kube-apiserver words it in warnings and strict decoding errors. */
export function unknownFieldMessage(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}
