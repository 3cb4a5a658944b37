import { createHash } from 'node:crypto';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Clock } from '../../clock/index.ts';
import { checkKey } from './blob-key.ts';
import type { BlobStore, Sweepable } from './blob-store.ts';
import { blobNotFound, storeDenied, storeFailed, storeFull } from './errors.ts';
import { inParts, type Part } from './parts.ts';
import { readResuming } from './resuming-reader.ts';

/** Parts on their way at once: with the one being filled 32 MiB of memory, as long as parts are of 8 MiB. */
const PARTS_AT_ONCE = 3;
const ATTEMPTS = 5;

export interface S3Location {
  bucket: string;
  /** Before every key; empty or ending with `/`. */
  prefix: string;
  /** Default: AWS, or what `AWS_ENDPOINT_URL` says. With one, buckets are addressed by path. */
  endpoint?: string;
  /** Default: `AWS_REGION` or the profile's, else us-east-1. */
  region?: string;
}

export interface S3Options {
  /** Default: the usual chain (environment, profile, SSO, web identity, container, instance). */
  credentials?: NonNullable<S3ClientConfig['credentials']>;
}

type Sdk = typeof import('@aws-sdk/client-s3');

interface Upload {
  id: string;
  /** Part number → what the store already has of it. */
  known: Map<number, { tag: string; size: number }>;
}

/**
 * Blobs as objects of an S3 bucket. Larger ones go in parts; what a killed writer had sent of one is used by the next put of
 * that key, or swept.
 */
export class S3Store implements BlobStore, Sweepable {
  readonly url: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #bucket: string;
  readonly #prefix: string;
  /** Uploads of this process: not to be taken up by another put of the same key. */
  readonly #running = new Set<string>();

  private constructor(sdk: Sdk, clock: Pick<Clock, 'now'>, url: string, location: S3Location, options: S3Options) {
    this.url = url;
    this.#sdk = sdk;
    this.#clock = clock;
    this.#bucket = location.bucket;
    this.#prefix = location.prefix;
    this.#client = new sdk.S3Client({
      ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint, forcePathStyle: true }),
      region: location.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? 'us-east-1',
      ...options,
      maxAttempts: ATTEMPTS,
      // Newer checksums are refused by servers that are not Amazon's; bodies are signed, and archives verify themselves.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
    });
  }

  /** Loads the client, which takes a third of a second. */
  static async open(
    dependencies: { clock: Pick<Clock, 'now'> },
    url: string,
    location: S3Location,
    options: S3Options = {},
  ): Promise<S3Store> {
    return new S3Store(await import('@aws-sdk/client-s3'), dependencies.clock, url, location, options);
  }

  async put(
    key: string,
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: { ifAbsent?: boolean; signal?: AbortSignal } = {},
  ): Promise<void> {
    checkKey(key);
    const { signal } = options;
    signal?.throwIfAborted();
    if (options.ifAbsent === true && (await this.head(key, signal)) !== undefined) return;
    const parts = inParts(body, signal);
    const first = await parts.next();
    const only = first.done === true ? new Uint8Array() : first.value.last ? first.value.bytes : undefined;
    if (only === undefined && first.done !== true) await this.#putInParts(key, first.value, parts, signal);
    else {
      const command = new this.#sdk.PutObjectCommand({ ...this.#object(key), Body: only ?? new Uint8Array() });
      await this.#call(`put ${key}`, signal, (abort) => this.#client.send(command, abort), key);
    }
  }

  async *get(
    key: string,
    options: { start?: number; end?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void> {
    checkKey(key);
    let tag: string | undefined;
    const open = async (start: number): ReturnType<Parameters<typeof readResuming>[0]['open']> => {
      if (options.end !== undefined && start >= options.end) return undefined;
      const found = await this.#open(key, { start, ...options, tag });
      tag = found?.tag;
      return found;
    };
    yield* readResuming({ url: this.url, key, open }, options);
  }

  async head(key: string, signal?: AbortSignal): Promise<{ size: number; modified: number } | undefined> {
    checkKey(key);
    const command = new this.#sdk.HeadObjectCommand(this.#object(key));
    try {
      const found = await this.#call(`head ${key}`, signal, (abort) => this.#client.send(command, abort), key);
      return { size: found.ContentLength ?? 0, modified: found.LastModified?.getTime() ?? 0 };
    } catch (error) {
      if (statusOf(causeOf(error)) === 404) return undefined;
      throw error;
    }
  }

  async *list(
    prefix: string,
    signal?: AbortSignal,
  ): AsyncGenerator<{ key: string; size: number; modified: number }, void> {
    let token: string | undefined;
    do {
      const command = new this.#sdk.ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: `${this.#prefix}${prefix}`,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#call(`list ${prefix}`, signal, (abort) => this.#client.send(command, abort));
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        yield { key: Key.slice(this.#prefix.length), size: Size ?? 0, modified: LastModified?.getTime() ?? 0 };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    checkKey(key);
    const command = new this.#sdk.DeleteObjectCommand(this.#object(key));
    try {
      await this.#call(`delete ${key}`, signal, (abort) => this.#client.send(command, abort), key);
    } catch (error) {
      if (statusOf(causeOf(error)) !== 404) throw error; // Amazon says 204, others 404
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async sweep(olderThanMilliseconds: number, signal?: AbortSignal): Promise<number> {
    let freedBytes = 0;
    for (const { key, id, initiated } of await this.#uploads(this.#prefix, signal)) {
      if (this.#running.has(id) || this.#clock.now() - initiated < olderThanMilliseconds) continue;
      for (const { size } of (await this.#knownParts(key, id, signal)).values()) freedBytes += size;
      await this.#abort(key, id, signal);
    }
    return freedBytes;
  }

  async #putInParts(
    key: string,
    first: Part,
    rest: AsyncGenerator<Part, void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const upload = await this.#begin(key, signal);
    this.#running.add(upload.id);
    const tags: string[] = [];
    const sending = new Set<Promise<void>>();
    const failed: unknown[] = [];
    let sourceFailed = true;
    const send = (part: Part): void => {
      const sent = this.#sendPart(key, upload, part, signal)
        .then(
          (tag) => {
            tags[part.number - 1] = tag;
          },
          (error: unknown) => {
            failed.push(error);
          },
        )
        .finally(() => sending.delete(sent));
      sending.add(sent);
    };
    try {
      send(first);
      for await (const part of rest) {
        send(part);
        if (sending.size >= PARTS_AT_ONCE) await Promise.race(sending);
        if (failed.length > 0) break;
      }
      sourceFailed = false;
      await Promise.all(sending);
      if (failed.length > 0) throw failed[0];
      const parts = tags.map((tag, index) => ({ ETag: tag, PartNumber: index + 1 }));
      const command = new this.#sdk.CompleteMultipartUploadCommand({
        ...this.#object(this.#full(key), ''),
        UploadId: upload.id,
        MultipartUpload: { Parts: parts },
      });
      await this.#call(`complete ${key}`, signal, (abort) => this.#client.send(command, abort), key);
    } catch (error) {
      await Promise.allSettled(sending);
      // What the store failed to take is taken up by the next put; what nobody goes on with must not stay.
      if (sourceFailed || signal?.aborted === true) await this.#abort(this.#full(key), upload.id, undefined);
      throw error;
    } finally {
      this.#running.delete(upload.id);
    }
  }

  async #begin(key: string, signal: AbortSignal | undefined): Promise<Upload> {
    const full = this.#full(key);
    const left = (await this.#uploads(full, signal)).find((each) => each.key === full && !this.#running.has(each.id));
    if (left !== undefined) return { id: left.id, known: await this.#knownParts(full, left.id, signal) };
    const command = new this.#sdk.CreateMultipartUploadCommand(this.#object(key));
    const made = await this.#call(`begin ${key}`, signal, (abort) => this.#client.send(command, abort), key);
    if (made.UploadId === undefined) throw storeFailed(this.url, `begin ${key}`, 'the store named no upload');
    return { id: made.UploadId, known: new Map() };
  }

  /** Returns the part's tag. A part that the store has already, as its MD5 tells, is not sent again. */
  async #sendPart(key: string, upload: Upload, part: Part, signal: AbortSignal | undefined): Promise<string> {
    const known = upload.known.get(part.number);
    if (known?.size === part.bytes.length) {
      if (known.tag.replaceAll('"', '') === createHash('md5').update(part.bytes).digest('hex')) return known.tag;
    }
    const command = new this.#sdk.UploadPartCommand({
      ...this.#object(key),
      UploadId: upload.id,
      PartNumber: part.number,
      Body: part.bytes,
    });
    const what = `put part ${part.number} of ${key}`;
    const { ETag } = await this.#call(what, signal, (abort) => this.#client.send(command, abort), key);
    if (ETag === undefined) throw storeFailed(this.url, what, 'the store gave it no tag');
    return ETag;
  }

  async #uploads(
    prefix: string,
    signal: AbortSignal | undefined,
  ): Promise<{ key: string; id: string; initiated: number }[]> {
    const found: { key: string; id: string; initiated: number }[] = [];
    let next: { KeyMarker: string; UploadIdMarker: string } | undefined;
    do {
      const command = new this.#sdk.ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...next });
      const page = await this.#call('list uploads', signal, (abort) => this.#client.send(command, abort));
      for (const { Key: key, UploadId: id, Initiated } of page.Uploads ?? []) {
        if (key !== undefined && id !== undefined) found.push({ key, id, initiated: Initiated?.getTime() ?? 0 });
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
      next =
        IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== undefined
          ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker }
          : undefined;
    } while (next !== undefined);
    return found;
  }

  async #knownParts(full: string, id: string, signal: AbortSignal | undefined): Promise<Upload['known']> {
    const known: Upload['known'] = new Map();
    let marker: string | undefined;
    do {
      const command = new this.#sdk.ListPartsCommand({
        ...this.#object(full, ''),
        UploadId: id,
        ...(marker === undefined ? {} : { PartNumberMarker: marker }),
      });
      const page = await this.#call('list parts', signal, (abort) => this.#client.send(command, abort));
      for (const { PartNumber, ETag, Size } of page.Parts ?? []) {
        if (PartNumber !== undefined && ETag !== undefined) known.set(PartNumber, { tag: ETag, size: Size ?? -1 });
      }
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return known;
  }

  async #abort(full: string, id: string, signal: AbortSignal | undefined): Promise<void> {
    const command = new this.#sdk.AbortMultipartUploadCommand({ ...this.#object(full, ''), UploadId: id });
    try {
      await this.#call('abort an upload', signal, (abort) => this.#client.send(command, abort));
    } catch (error) {
      signal?.throwIfAborted();
      if (!isUnreachable(error)) throw error; // swept later
    }
  }

  async #open(
    key: string,
    options: { start: number; end?: number; signal?: AbortSignal; tag: string | undefined },
  ): Promise<{ size: number; body: AsyncIterable<Uint8Array>; tag: string | undefined } | undefined> {
    const { start, end, signal, tag } = options;
    const whole = start === 0 && end === undefined;
    const command = new this.#sdk.GetObjectCommand({
      ...this.#object(key),
      ...(whole ? {} : { Range: `bytes=${start}-${end === undefined ? '' : end - 1}` }),
      ...(tag === undefined ? {} : { IfMatch: tag }),
    });
    try {
      const found = await this.#call(`get ${key}`, signal, (abort) => this.#client.send(command, abort), key);
      const total = /\/(\d+)$/.exec(found.ContentRange ?? '')?.[1];
      const size = total === undefined ? (found.ContentLength ?? 0) : Number(total);
      return { size, body: found.Body as AsyncIterable<Uint8Array>, tag: found.ETag };
    } catch (error) {
      if (statusOf(causeOf(error)) === 416) return undefined;
      throw error;
    }
  }

  async #call<T>(
    what: string,
    signal: AbortSignal | undefined,
    send: (options: { abortSignal?: AbortSignal }) => Promise<T>,
    key?: string,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await send(signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      const status = statusOf(error);
      const name = error instanceof Error ? error.name : '';
      if (status === 404 && key !== undefined && name !== 'NoSuchBucket') throw blobNotFound(this.url, key, error);
      if (status === 401 || status === 403 || name === 'CredentialsProviderError') {
        throw storeDenied(this.url, what, error);
      }
      if (status === 507 || name === 'QuotaExceeded') throw storeFull(this.url, key ?? what, error);
      throw storeFailed(this.url, what, error);
    }
  }

  #full(key: string): string {
    return `${this.#prefix}${key}`;
  }

  #object(key: string, prefix = this.#prefix): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${prefix}${key}` };
  }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/** The HTTP status of what the client threw; undefined when there was no answer. */
function statusOf(error: unknown): number | undefined {
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

function isUnreachable(error: unknown): boolean {
  const status = statusOf(causeOf(error));
  return status === undefined || status >= 500 || status === 404;
}
