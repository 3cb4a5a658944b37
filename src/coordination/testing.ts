import { VirtualClock } from '../clock/index.ts';
import type { Log } from '../model/index.ts';
import { Coordinator, type CoordinatorOptions } from './coordinator.ts';
import { parseRequest } from './protocol.ts';
import { type CoordinationState, MemoryState } from './state.ts';

const silent = (): void => undefined;
export const SILENT: Log = { debug: silent, info: silent, warn: silent, error: silent };

/** A coordinator in virtual time, and what hooks ask of it. */
export class Bench {
  readonly clock = new VirtualClock();
  readonly state: CoordinationState = new MemoryState();
  readonly #options: CoordinatorOptions;
  coordinator: Coordinator;

  constructor(options: CoordinatorOptions = {}) {
    this.#options = { waitMilliseconds: 30_000, ...options };
    this.coordinator = this.#start();
  }

  /** The process is killed and started again on the same state. */
  restart(): void {
    this.coordinator.stop();
    this.coordinator = this.#start();
  }

  ask(fields: Record<string, unknown>, signal = new AbortController().signal): Promise<string> {
    const request = parseRequest({ dependencies: '', ...fields });
    if (request === undefined) throw new Error('that is no request');
    return this.coordinator.answer(request, signal);
  }

  /** Every reply once all that can happen has happened within `milliseconds`. */
  async within(milliseconds: number, replies: readonly Promise<string>[]): Promise<string[]> {
    const done: string[] = replies.map(() => 'still waiting');
    replies.forEach((reply, index) => {
      void reply.then((text) => {
        done[index] = text;
      });
    });
    await this.clock.advance(milliseconds);
    return done;
  }

  #start(): Coordinator {
    return new Coordinator({ clock: this.clock, log: SILENT, state: this.state }, this.#options);
  }
}
