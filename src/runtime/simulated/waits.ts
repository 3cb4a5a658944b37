import type { Clock, Timer } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';

/** Alarms further away are set again when they fire: a timer of 2^31 ms or more fires at once. */
export const LONGEST_ALARM_MILLISECONDS = 86_400_000;

/**
 * All that a runtime waits for, so that it can be ended as a process is: everything at once, and nothing goes on. (Plain
 * callbacks where composite abort signals would do: those cost more than all the rest of a simulated pod's life.)
 */
export class Waits {
  readonly #clock: Clock;
  readonly #ends = new Set<(reason: unknown) => void>();
  readonly #byName = new Map<string, (reason: unknown) => void>();
  #ended: FermataError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Throws FermataError `RuntimeStopped` once {@link end} was called. */
  checkAlive(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /**
   * Lets time pass, `Infinity` too. Rejects with the signal's reason when it is aborted, with that of {@link cancel} when a
   * wait of this name is cancelled, and when all is ended.
   */
  async pass(milliseconds: number, signal?: AbortSignal, name?: string): Promise<void> {
    this.checkAlive();
    signal?.throwIfAborted();
    if (milliseconds > 0) await this.#wait(milliseconds, signal, name);
    this.checkAlive();
  }

  cancel(name: string, reason: FermataError): void {
    this.#byName.get(name)?.(reason);
  }

  end(): void {
    this.#ended ??= new FermataError('RuntimeStopped', 'the simulated runtime was stopped');
    for (const end of [...this.#ends]) end(this.#ended);
  }

  #wait(milliseconds: number, signal: AbortSignal | undefined, name: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: Timer;
      const done = (): void => {
        timer.cancel();
        this.#ends.delete(end);
        if (name !== undefined) this.#byName.delete(name);
        signal?.removeEventListener('abort', onAbort);
      };
      const end = (reason: unknown): void => {
        done();
        reject(reason);
      };
      const onAbort = (): void => end(signal?.reason);
      const sleep = (left: number): void => {
        const nap = Math.min(left, LONGEST_ALARM_MILLISECONDS);
        timer = this.#clock.setTimer(nap, () => {
          if (left > nap) {
            sleep(left - nap);
            return;
          }
          done();
          resolve();
        });
      };
      sleep(milliseconds);
      this.#ends.add(end);
      if (name !== undefined) this.#byName.set(name, end);
      signal?.addEventListener('abort', onAbort);
    });
  }
}
