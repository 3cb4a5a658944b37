import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import type { Clock } from '../../../clock/index.ts';
import { FermataError } from '../../../model/index.ts';
import { storeDenied, storeFailed, storeFull } from '../errors.ts';
import { RegistryAuthorization } from './registry-authorization.ts';
import { findRegistryCredentials, type RegistryCredentials } from './registry-credentials.ts';

const ATTEMPTS = 5;
const FIRST_PAUSE_MILLISECONDS = 200;
/** A registry refuses larger manifests (OCI distribution specification: 4 MiB at least must be taken). */
const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;
const REDIRECTS = 3;

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const ACCEPT = [
  OCI_INDEX,
  OCI_MANIFEST,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export interface RegistryLocation {
  /** `host[:port]` */
  host: string;
  repository: string;
  /** Default: for loopback names, as Docker does it. */
  plainHttp?: boolean;
}

export interface RegistryOptions {
  /** Default: what `docker login` or `podman login` left. */
  credentials?: RegistryCredentials;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface UploadableBlob {
  digest: string;
  /** In bytes. */
  size: number;
  open: () => Uint8Array | AsyncIterable<Uint8Array>;
}

interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/v2/<repository>/`, or a URL that the registry gave. */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal?: AbortSignal | undefined;
  /** Is not repeated here when it fails: the caller begins anew. */
  once?: boolean;
}

/** The calls of one repository that Fermata needs (OCI distribution specification 1.1), each repeated while the registry fails. */
export class RegistryClient {
  readonly url: string;
  readonly #clock: Clock;
  readonly #origin: string;
  readonly #repository: string;
  readonly #agent = new Agent({ connect: { timeout: 10_000 }, headersTimeout: 60_000, bodyTimeout: 60_000 });
  readonly #authorization: RegistryAuthorization;

  constructor(dependencies: { clock: Clock }, location: RegistryLocation, options: RegistryOptions = {}) {
    this.#clock = dependencies.clock;
    this.#repository = location.repository;
    this.url = `oci://${location.host}/${location.repository}`;
    const plain = location.plainHttp ?? /^(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?$/.test(location.host);
    this.#origin = `${plain ? 'http' : 'https'}://${location.host}`;
    const credentials = async (): Promise<RegistryCredentials | undefined> =>
      options.credentials ?? findRegistryCredentials(location.host, location.repository);
    this.#authorization = new RegistryAuthorization(this.#agent, credentials, {
      now: () => this.#clock.now(),
      secure: !plain,
    });
  }

  /** A manifest or index by tag or digest; undefined when there is none. */
  async manifest(
    reference: string,
    signal?: AbortSignal,
  ): Promise<{ digest: string; mediaType: string; bytes: Uint8Array } | undefined> {
    const path = `manifests/${reference}`;
    const answer = await this.#call({ method: 'GET', path, headers: { accept: ACCEPT }, signal });
    if (answer.statusCode === 404) return drained(answer, undefined);
    await this.#expect(answer, [200], `get manifest ${reference}`);
    const bytes = await this.#read(answer, `manifest ${reference}`);
    const digest = sha256(bytes);
    if (reference.startsWith('sha256:') && reference !== digest) {
      throw storeFailed(this.url, `get manifest ${reference}`, 'it is another than its digest says');
    }
    return { digest, mediaType: header(answer, 'content-type') ?? OCI_MANIFEST, bytes };
  }

  /** Returns the digest. */
  async putManifest(reference: string, value: unknown, mediaType: string, signal?: AbortSignal): Promise<Descriptor> {
    const body = Buffer.from(JSON.stringify(value));
    const digest = sha256(body);
    const path = `manifests/${reference === '' ? digest : reference}`;
    const answer = await this.#call({ method: 'PUT', path, headers: { 'content-type': mediaType }, body, signal });
    await this.#expect(answer, [201], `put manifest ${reference}`);
    await answer.body.dump();
    return { mediaType, digest, size: body.length };
  }

  /** By digest: every tag of it goes too. One that is not there is fine. */
  async deleteManifest(digest: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#call({ method: 'DELETE', path: `manifests/${digest}`, signal });
    if (answer.statusCode === 405) {
      await answer.body.dump();
      throw storeDenied(
        this.url,
        'delete',
        'this registry does not allow it (REGISTRY_STORAGE_DELETE_ENABLED=true does)',
      );
    }
    await this.#expect(answer, [200, 202, 404], `delete ${digest}`);
    await answer.body.dump();
  }

  /** A repository without anything in it, or that does not exist, has none. */
  async *tags(signal?: AbortSignal): AsyncGenerator<string, void> {
    let path: string | undefined = 'tags/list?n=1000';
    while (path !== undefined) {
      const answer: Dispatcher.ResponseData = await this.#call({ method: 'GET', path, signal });
      if (answer.statusCode === 404) return drained(answer, undefined);
      await this.#expect(answer, [200], 'list tags');
      const link: string | undefined = header(answer, 'link');
      const { tags } = JSON.parse(Buffer.from(await this.#read(answer, 'tags', 256)).toString()) as {
        tags?: string[] | null;
      };
      yield* tags ?? [];
      const next: string | undefined = link === undefined ? undefined : /<([^>]+)>\s*;\s*rel="?next/.exec(link)?.[1];
      path = next === undefined ? undefined : new URL(next, this.#origin).href;
    }
  }

  async hasBlob(digest: string, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#call({ method: 'HEAD', path: `blobs/${digest}`, signal });
    if (answer.statusCode === 404) return drained(answer, false);
    await this.#expect(answer, [200], `look at blob ${digest}`);
    return drained(answer, true);
  }

  /** The blob's bytes from `start` on, up to, without, `end`; undefined when there are none from there on. */
  async blob(
    digest: string,
    range: { start: number; end: number; signal?: AbortSignal | undefined },
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    if (range.start >= range.end) return undefined;
    const headers = { range: `bytes=${range.start}-${range.end - 1}` };
    const answer = await this.#call({ method: 'GET', path: `blobs/${digest}`, headers, signal: range.signal });
    await this.#expect(answer, [200, 206], `get blob ${digest}`);
    // Ranges are optional in the specification.
    return answer.statusCode === 206 ? answer.body : sliced(answer.body, range.start, range.end);
  }

  /**
   * Uploads what `open` gives (anew for each attempt), unless the registry has it. An upload that was cut is begun anew: the
   * specification lets one be gone on with, docker-registry 2.8 refuses it (its upload state holds the offset before the cut).
   */
  async putBlob(blob: UploadableBlob, signal?: AbortSignal): Promise<void> {
    if (await this.hasBlob(blob.digest, signal)) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#upload(blob, signal);
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof FermataError) || error.code !== 'StoreFailed') throw error;
        if (await this.hasBlob(blob.digest, signal)) return; // only the answer was lost
        if (attempt >= ATTEMPTS) throw error;
        await this.#pause(attempt, signal);
      }
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #upload({ digest, size, open }: UploadableBlob, signal: AbortSignal | undefined): Promise<void> {
    const headers = { 'content-length': '0' };
    const begun = await this.#call({ method: 'POST', path: 'blobs/uploads/', signal, headers });
    await this.#expect(begun, [202], 'begin an upload');
    await begun.body.dump();
    const location = header(begun, 'location');
    if (location === undefined) throw storeFailed(this.url, 'begin an upload', 'the registry gave no Location');
    const url = new URL(location, this.#origin);
    try {
      const whole = new URL(url);
      whole.searchParams.set('digest', digest);
      const done = await this.#call({
        method: 'PUT',
        path: whole.href,
        headers: { 'content-length': String(size), 'content-type': 'application/octet-stream' },
        body: open(),
        signal,
        once: true,
      });
      await this.#expect(done, [201], `put blob ${digest}`);
      await done.body.dump();
    } catch (error) {
      await this.#cancel(url.href);
      throw error;
    }
  }

  async #cancel(location: string): Promise<void> {
    try {
      const answer = await this.#call({ method: 'DELETE', path: location, once: true });
      await answer.body.dump();
    } catch (error) {
      // The registry itself purges uploads that nobody goes on with; what made this one fail is what counts.
      if (!(error instanceof FermataError)) throw error;
    }
  }

  async #call(call: Call): Promise<Dispatcher.ResponseData> {
    const what = `${call.method} ${call.path.replace(/\?.*/, '')}`;
    let challenged = false;
    let redirects = 0;
    let url = /^https?:/.test(call.path) ? call.path : `${this.#origin}/v2/${this.#repository}/${call.path}`;
    for (let attempt = 1; ; ) {
      call.signal?.throwIfAborted();
      let answer: Dispatcher.ResponseData;
      try {
        answer = await this.#send(call, url);
      } catch (error) {
        call.signal?.throwIfAborted();
        if (call.once === true || attempt >= ATTEMPTS) throw storeFailed(this.url, what, error);
        await this.#pause(attempt++, call.signal);
        continue;
      }
      const { statusCode } = answer;
      const target = header(answer, 'location');
      if (statusCode === 401 && !challenged) {
        challenged = true;
        await answer.body.dump();
        const scope = `repository:${this.#repository}:pull,push,delete`;
        const challenge = header(answer, 'www-authenticate') ?? '';
        if (!(await this.#authorization.answer(challenge, scope, call.signal))) {
          throw storeDenied(this.url, what, 'the registry wants credentials, and the ones found (if any) do not serve');
        }
      } else if ([301, 302, 303, 307, 308].includes(statusCode) && target !== undefined && redirects++ < REDIRECTS) {
        await answer.body.dump();
        url = new URL(target, url).href;
      } else if ((statusCode >= 500 || statusCode === 429) && statusCode !== 507 && !call.once && attempt < ATTEMPTS) {
        await answer.body.dump();
        await this.#pause(attempt++, call.signal);
      } else {
        return answer;
      }
    }
  }

  #send(call: Call, address: string): Promise<Dispatcher.ResponseData> {
    const url = new URL(address);
    // Where a registry redirects to (an object store, signed) must not see its credentials.
    const authorization = url.origin === this.#origin ? this.#authorization.header : undefined;
    return this.#agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: call.method,
      headers: { ...call.headers, ...(authorization === undefined ? {} : { authorization }) },
      ...(call.body === undefined
        ? {}
        : { body: call.body instanceof Uint8Array ? call.body : Readable.from(call.body) }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
  }

  async #expect(answer: Dispatcher.ResponseData, expected: readonly number[], what: string): Promise<void> {
    if (expected.includes(answer.statusCode)) return;
    const said = Buffer.from(await this.#read(answer, what))
      .toString()
      .slice(0, 300);
    throw refusal(this.url, what, answer.statusCode, `the registry answered ${answer.statusCode} ${said}`.trim());
  }

  async #read(answer: Dispatcher.ResponseData, what: string, times = 1): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      length += piece.length;
      if (length > times * MANIFEST_MAX_BYTES) throw storeFailed(this.url, what, `it has more than ${length} bytes`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  #pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#clock.sleep(FIRST_PAUSE_MILLISECONDS * 2 ** (attempt - 1), signal);
  }
}

function refusal(url: string, what: string, status: number, why: string): FermataError {
  if (status === 401 || status === 403) return storeDenied(url, what, why);
  return status === 507 || status === 413 ? storeFull(url, what, why) : storeFailed(url, what, why);
}

function header(answer: Dispatcher.ResponseData, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function drained<T>(answer: Dispatcher.ResponseData, value: T): Promise<T> {
  await answer.body.dump();
  return value;
}

async function* sliced(body: AsyncIterable<Uint8Array>, start: number, end: number): AsyncGenerator<Uint8Array, void> {
  let position = 0;
  for await (const piece of body) {
    const wanted = piece.subarray(Math.max(0, start - position), Math.max(0, end - position));
    position += piece.length;
    if (wanted.length > 0) yield wanted;
    if (position >= end) return;
  }
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
