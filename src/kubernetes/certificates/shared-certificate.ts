import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import { type Log, reasonOf, SECRETS, type Secret } from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
import type { ObjectStore } from '../store.ts';
import type { ServerNames } from './certificates.ts';
import { type CertificateSet, renewed } from './renewal.ts';

/** PEM. */
export interface ServingCertificate {
  certificate: string;
  key: string;
  /** Whom clients should trust. */
  authorities: string;
}

export interface SharedCertificateOptions {
  /** The Secret in which all replicas find it; made when missing. */
  secret: { namespace: string; name: string };
  server: ServerNames & { commonName: string };
  /** Also when nothing changed, so that what somebody overwrote is put right. A failure is tried again soon. */
  onCertificate: (certificate: ServingCertificate, signal: AbortSignal) => Promise<void>;
}

/** Another replica may have renewed it, or somebody removed it. */
const LOOK_MILLISECONDS = 300_000;
const RETRY_MILLISECONDS = 2_000;
const KEYS = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'] as const;

/** A server's certificate with an authority of its own, made, renewed and shared by the replicas through a Secret. */
export class SharedCertificate {
  readonly #parts: { store: ObjectStore; clock: Clock; log: Log };
  readonly #options: SharedCertificateOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: { store: ObjectStore; clock: Clock; log: Log }, options: SharedCertificateOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the certificate is no longer looked after'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let wait = LOOK_MILLISECONDS;
      try {
        const set = await this.#current(signal);
        await this.#options.onCertificate(
          { certificate: set['tls.crt'], key: set['tls.key'], authorities: set['ca.crt'] },
          signal,
        );
      } catch (error) {
        if (signal.aborted) return;
        wait = RETRY_MILLISECONDS;
        this.#parts.log.warn(
          { reason: reasonOf(error) },
          'the serving certificate is not in place, which is tried again',
        );
      }
      await this.#parts.clock.sleep(wait, signal).catch(() => undefined); // only when it is stopped
    }
  }

  async #current(signal: AbortSignal): Promise<CertificateSet> {
    const { store, clock, log } = this.#parts;
    const { secret: key, server } = this.#options;
    for (;;) {
      const secret = await this.#read(signal);
      const before = secret === undefined ? undefined : decoded(secret);
      const set = renewed(before, { now: clock.now(), server, serial: () => randomBytes(16) });
      if (set === before) return set;
      const data = Object.fromEntries(KEYS.map((name) => [name, Buffer.from(set[name]).toString('base64')]));
      try {
        if (secret === undefined)
          await store.create(SECRETS, { metadata: key, type: 'kubernetes.io/tls', data }, { signal });
        else await store.replace(SECRETS, { ...secret, data }, { signal });
        log.info({ secret: key }, 'a serving certificate was made');
        return set;
      } catch (error) {
        // Another replica was first: its set holds.
        if (!isApiError(error, 'AlreadyExists', 'Conflict')) throw error;
      }
    }
  }

  async #read(signal: AbortSignal): Promise<Secret | undefined> {
    try {
      return await this.#parts.store.get(SECRETS, this.#options.secret, { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

function decoded({ data = {} }: Secret): Partial<CertificateSet> {
  return Object.fromEntries(Object.entries(data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]));
}
