import { createHash } from 'node:crypto';
import type { Clock } from '../../../clock/index.ts';
import { checkKey } from '../blob-key.ts';
import type { BlobStore } from '../blob-store.ts';
import { blobNotFound } from '../errors.ts';
import { inParts } from '../parts.ts';
import { readResuming } from '../resuming-reader.ts';
import {
  type Descriptor,
  OCI_MANIFEST,
  RegistryClient,
  type RegistryLocation,
  type RegistryOptions,
  sha256,
} from './registry-client.ts';

const ARTIFACT_TYPE = 'application/vnd.fermata.blob.v1';
const PART = 'application/vnd.fermata.blob.part.v1';
const KEY = 'dev.fermata.key';
const MODIFIED = 'dev.fermata.modified';
const TAG_MAX = 128;
/** Manifests asked for at once while listing. */
const LISTED_AT_ONCE = 8;

/** `{}`, which the OCI image specification names for manifests that have no configuration. */
const EMPTY = Buffer.from('{}');
const EMPTY_DESCRIPTOR: Descriptor = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: EMPTY.length,
};

interface Found {
  /** Of the manifest. */
  manifest: string;
  key: string;
  modified: number;
  size: number;
  parts: Descriptor[];
}

/**
 * Blobs in a repository of an OCI registry: parts of one are blobs there, and a manifest whose layers they are names it by a tag.
 * A put is the instant the tag is set. Parts that the registry has already, of a writer that was killed, are not sent again. What `delete` takes away is the manifest; the registry's own garbage collection frees the bytes.
 * `modified` is by the writer's clock.
 */
export class OciStore implements BlobStore {
  readonly url: string;
  readonly #clock: Clock;
  readonly #registry: RegistryClient;
  #emptyIsThere = false;

  constructor(dependencies: { clock: Clock }, location: RegistryLocation, options: RegistryOptions = {}) {
    this.#clock = dependencies.clock;
    this.#registry = new RegistryClient(dependencies, location, options);
    this.url = this.#registry.url;
  }

  async put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: { ifAbsent?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkKey(key);
    const { signal } = options;
    signal?.throwIfAborted();
    const before = await this.#find(key, signal);
    if (before !== undefined && options.ifAbsent === true) return;
    const layers: Descriptor[] = [];
    for await (const { bytes } of inParts(body, signal)) {
      const part = { mediaType: PART, digest: sha256(bytes), size: bytes.length };
      await this.#registry.putBlob({ ...part, open: () => bytes }, signal);
      layers.push(part);
    }
    signal?.throwIfAborted();
    if (!this.#emptyIsThere) await this.#registry.putBlob({ ...EMPTY_DESCRIPTOR, open: () => EMPTY }, signal);
    this.#emptyIsThere = true;
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: ARTIFACT_TYPE,
      config: EMPTY_DESCRIPTOR,
      layers: layers.length === 0 ? [EMPTY_DESCRIPTOR] : layers, // the specification wants one at least
      annotations: { [KEY]: key, [MODIFIED]: String(this.#clock.now()) },
    };
    const put = await this.#registry.putManifest(tagOf(key), manifest, OCI_MANIFEST, signal);
    if (before !== undefined && before.manifest !== put.digest) {
      await this.#registry.deleteManifest(before.manifest, signal);
    }
  }

  async *get(
    key: string,
    options: { start?: number; end?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void> {
    checkKey(key);
    const { signal } = options;
    signal?.throwIfAborted();
    const found = await this.#find(key, signal);
    if (found === undefined) throw blobNotFound(this.url, key);
    const end = Math.min(options.end ?? found.size, found.size);
    const range = { start: options.start ?? 0, end };
    let before = 0;
    for (const { digest, size } of found.parts) {
      const within = { start: Math.max(0, range.start - before), end: Math.min(size, end - before) };
      before += size;
      if (within.start >= within.end) continue;
      const open = async (start: number): ReturnType<Parameters<typeof readResuming>[0]['open']> => {
        const body = await this.#registry.blob(digest, { start, end: within.end, signal });
        return body === undefined ? undefined : { size, body };
      };
      const limits = { ...within, ...(signal === undefined ? {} : { signal }) };
      yield* readResuming({ url: this.url, key, open }, limits);
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<{ size: number; modified: number } | undefined> {
    checkKey(key);
    signal?.throwIfAborted();
    const found = await this.#find(key, signal);
    return found === undefined ? undefined : { size: found.size, modified: found.modified };
  }

  async *list(
    prefix: string,
    signal?: AbortSignal,
  ): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
    signal?.throwIfAborted();
    let asked: Promise<Found | undefined>[] = [];
    const answers = async function* (): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
      for (const found of await Promise.all(asked)) {
        if (found?.key.startsWith(prefix)) {
          yield { key: found.key, size: found.size, modified: found.modified };
        }
      }
      asked = [];
    };
    for await (const tag of this.#registry.tags(signal)) {
      const known = keyOf(tag);
      if (known === undefined && !tag.startsWith('H')) continue; // somebody else's
      if (known !== undefined && !known.startsWith(prefix)) continue;
      asked.push(this.#read(tag, signal));
      if (asked.length >= LISTED_AT_ONCE) yield* answers();
    }
    yield* answers();
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    checkKey(key);
    signal?.throwIfAborted();
    const found = await this.#find(key, signal);
    if (found !== undefined) await this.#registry.deleteManifest(found.manifest, signal);
  }

  close(): Promise<void> {
    return this.#registry.close();
  }

  async #find(key: string, signal: AbortSignal | undefined): Promise<Found | undefined> {
    const found = await this.#read(tagOf(key), signal);
    return found?.key === key ? found : undefined;
  }

  /** Undefined for a tag that is not there, or not ours. */
  async #read(tag: string, signal: AbortSignal | undefined): Promise<Found | undefined> {
    const answer = await this.#registry.manifest(tag, signal);
    if (answer === undefined) return undefined;
    const manifest = JSON.parse(Buffer.from(answer.bytes).toString()) as {
      annotations?: Record<string, string>;
      layers?: Descriptor[];
    };
    const key = manifest.annotations?.[KEY];
    const parts = (manifest.layers ?? []).filter(({ mediaType }) => mediaType === PART);
    if (key === undefined || parts.some(({ digest }) => !/^sha256:[0-9a-f]{64}$/.test(digest))) return undefined;
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    return { manifest: answer.digest, key, modified: Number(manifest.annotations?.[MODIFIED] ?? 0), size, parts };
  }
}

/** A tag has up to 128 of `[a-zA-Z0-9._-]`; keys have no capitals, so that those can stand for what tags lack. */
export function tagOf(key: string): string {
  const plain = `K${key.replaceAll('/', 'S')}`;
  return plain.length <= TAG_MAX ? plain : `H${createHash('sha256').update(key).digest('hex')}`;
}

/** The key of a tag that carries it. */
function keyOf(tag: string): string | undefined {
  return /^K[a-z0-9._S-]+$/.test(tag) ? tag.slice(1).replaceAll('S', '/') : undefined;
}
