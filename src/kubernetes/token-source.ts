import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock/index.ts';
import { FermataError, reasonOf } from '../model/index.ts';

/** Kubelets rotate service account tokens long before they expire; client-go looks every minute, too. */
const READ_AGAIN_MILLISECONDS = 60_000;

/** A bearer token in a file that may be replaced at any time. */
export class TokenSource {
  readonly #path: string;
  readonly #clock: Clock;
  #token: string | undefined;
  #readAt = 0;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Throws TokenUnreadable when the file never could be read. */
  async token(): Promise<string> {
    const now = this.#clock.now();
    if (this.#token !== undefined && now - this.#readAt < READ_AGAIN_MILLISECONDS) return this.#token;
    try {
      this.#token = (await readFile(this.#path, 'utf8')).trim();
    } catch (error) {
      // While a file is being replaced, the token from before still holds.
      if (this.#token === undefined) {
        throw new FermataError('TokenUnreadable', `token file ${this.#path} cannot be read: ${reasonOf(error)}`, {
          cause: error,
          nextStep: 'Check that the file exists and that this user may read it.',
        });
      }
    }
    this.#readAt = now;
    return this.#token;
  }

  /** The server refused the token: the file is read before the next request. */
  forget(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}
