import { type ImageKind, imageEntries } from '../criu-image.ts';
import { diskFiles } from '../disk-files.ts';
import { incomplete } from '../errors.ts';
import { readProtobuf } from '../protobuf-reader.ts';

/** A pagemap of a terabyte in single pages fits. */
const PAGEMAP_MAX_BYTES = 4 * 1024 * 1024 * 1024;
/** A million open files fit. An image may come from anywhere, and is held whole. */
const IMAGE_MAX_BYTES = 64 * 1024 * 1024;

/** The fields of one protobuf message, by number. A field that is not there is empty. */
export class Fields {
  readonly #fields = new Map<number, (bigint | Uint8Array)[]>();

  /** Throws RangeError when the bytes are no message. */
  constructor(message: Uint8Array) {
    for (const { field, value } of readProtobuf(message)) {
      const values = this.#fields.get(field);
      if (values === undefined) this.#fields.set(field, [value]);
      else values.push(value);
    }
  }

  numbers(field: number): number[] {
    return (this.#fields.get(field) ?? []).filter((value) => typeof value === 'bigint').map(Number);
  }

  number(field: number): number | undefined {
    return this.numbers(field)[0];
  }

  messages(field: number): Fields[] {
    return (this.#fields.get(field) ?? []).filter((value) => value instanceof Uint8Array).map((one) => new Fields(one));
  }

  message(field: number): Fields | undefined {
    return this.messages(field)[0];
  }

  /** Names in the kernel are bytes; what is no UTF-8 in them is shown as such. */
  text(field: number): string | undefined {
    const value = this.#fields.get(field)?.[0];
    return value instanceof Uint8Array ? Buffer.from(value).toString('utf8').replace(/\0+$/, '') : undefined;
  }
}

/**
 * The messages of an image of the dump in `folder`; none when there is no such image. Throws FermataError `CheckpointIncomplete`, and
 * `CheckpointCorrupt` when it is too large to be one.
 */
export async function imageFields(folder: string, name: string, kind: ImageKind): Promise<Fields[]> {
  const entries = (await diskFiles.list(folder)) ?? [];
  if (!entries.some(({ path }) => path === name)) return [];
  const bytes = await diskFiles.read(folder, name, kind === 'pagemap' ? PAGEMAP_MAX_BYTES : IMAGE_MAX_BYTES);
  try {
    return imageEntries(bytes, kind).map((entry) => new Fields(entry));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw incomplete(folder, `${name}: ${error.message}`, error);
  }
}
