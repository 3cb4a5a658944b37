import { unreadable } from './errors.ts';
import { isSafePath } from './safe-path.ts';

export const MANIFEST_FILE = 'manifest.json';
export const MANIFEST_FORMAT = 1;
/** A checkpoint of 100,000 files has a manifest of about 14 MiB; more is an attack or a mistake. */
export const MANIFEST_MAX_BYTES = 32 * 1024 * 1024;

/** What a sealed checkpoint consists of. `digest` is of the manifest's own bytes and stands only outside the file. */
export interface Manifest {
  formatVersion: typeof MANIFEST_FORMAT;
  /** RFC 3339. */
  createdAt: string;
  /** Sorted by path. */
  files: ManifestFile[];
  containers: ContainerStatistics[];
  /** Of the caller, e.g. the pod's name and UID. */
  metadata: Readonly<Record<string, string>>;
  /** `sha256:` and 64 hex digits, as `sha256sum manifest.json` computes it. */
  digest: string;
}

export interface ManifestFile {
  /** Relative to the checkpoint's directory, with `/`. */
  path: string;
  sizeBytes: number;
  /** See `contentDigest`: SHA-256 over the SHA-256s of chunks of 4 MiB. */
  digest: string;
}

/** One container's dump; times from CRIU's `stats-dump`. */
export interface ContainerStatistics {
  name: string;
  image: string;
  sizeBytes: number;
  freezingMicroseconds: number;
  frozenMicroseconds: number;
  memdumpMicroseconds: number;
  memwriteMicroseconds: number;
}

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** The manifest as it is written; the same manifest gives the same bytes. */
export function encodeManifest(manifest: Omit<Manifest, 'digest'>): Uint8Array {
  const { formatVersion, createdAt, files, containers, metadata } = manifest;
  return Buffer.from(`${JSON.stringify({ formatVersion, createdAt, metadata, containers, files }, undefined, 1)}\n`);
}

/** Reads and checks a manifest of unknown origin. Throws FermataError `ManifestUnreadable`. */
export function decodeManifest(directory: string, bytes: Uint8Array): Omit<Manifest, 'digest'> {
  const value = parse(directory, bytes);
  const fail = (what: string): never => {
    throw unreadable(directory, what);
  };
  if (!isRecord(value)) return fail('is not a JSON object');
  const { formatVersion, createdAt, files, containers, metadata } = value;
  if (formatVersion !== MANIFEST_FORMAT) {
    return fail(`has formatVersion ${JSON.stringify(formatVersion)}; this Fermata reads ${MANIFEST_FORMAT}`);
  }
  if (typeof createdAt !== 'string' || Number.isNaN(Date.parse(createdAt))) return fail('has no valid createdAt');
  if (!isRecord(metadata) || !isTextRecord(metadata)) return fail('has metadata that are not texts');
  if (!Array.isArray(containers)) return fail('has no list of containers');
  if (!Array.isArray(files)) return fail('has no list of files');
  const paths = new Set<string>();
  for (const [index, file] of files.entries()) {
    if (!isFile(file)) return fail(`files[${index}] lacks a path, a size or a digest`);
    if (file.path === MANIFEST_FILE || !isSafePath(file.path))
      return fail(`files[${index}] has a path outside the checkpoint: ${quoted(file.path)}`);
    if (paths.has(file.path)) return fail(`names ${quoted(file.path)} twice`);
    paths.add(file.path);
  }
  for (const [index, container] of containers.entries()) {
    if (!isContainer(container)) return fail(`containers[${index}] lacks a name or CRIU's statistics`);
  }
  return { formatVersion, createdAt, files, containers, metadata };
}

function parse(directory: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw unreadable(directory, 'is not JSON in UTF-8', error);
  }
}

function isFile(value: unknown): value is ManifestFile {
  return (
    isRecord(value) &&
    typeof value.path === 'string' &&
    isSize(value.sizeBytes) &&
    typeof value.digest === 'string' &&
    DIGEST_PATTERN.test(value.digest)
  );
}

const MEASURES = [
  'sizeBytes',
  'freezingMicroseconds',
  'frozenMicroseconds',
  'memdumpMicroseconds',
  'memwriteMicroseconds',
] as const;

function isContainer(value: unknown): value is ContainerStatistics {
  return (
    isRecord(value) &&
    typeof value.name === 'string' &&
    typeof value.image === 'string' &&
    MEASURES.every((measure) => isSize(value[measure]))
  );
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextRecord(value: Record<string, unknown>): value is Record<string, string> {
  return Object.values(value).every((entry) => typeof entry === 'string');
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
