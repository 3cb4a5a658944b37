import type { Clock, Timer } from '../clock/index.ts';
import type { FaultStream } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';

/** Calls and alarms that no component makes in one instant unless it is in an endless loop. */
const MOST_CALLS_AT_ONCE = 50_000;

/** What a call of a dead process gets, where there is no promise that could stay open for ever. */
export class ProcessKilled extends Error {
  constructor(name: string) {
    super(`process ${name} was killed`);
    this.name = 'ProcessKilled';
  }
}

/**
 * One life of a component's process. Everything it touches (time, API, runtime, disk, journal) goes through here, so that it
 * can be killed between any two steps: from then on nothing it calls has an effect or comes back, and its alarms are gone.
 */
export class Incarnation {
  /** `<component>#<number>` */
  readonly name: string;
  readonly clock: Clock;
  readonly #stream: FaultStream;
  readonly #rates: FaultRates['call'];
  readonly #onKill: () => void;
  readonly #onEndlessLoop: () => void;
  readonly #world: Clock;
  /** Calls made, and alarms that went off, at one instant. */
  #calls = 0;
  #callsAt = 0;
  readonly #alarms = new Set<Timer>();
  readonly #ends = new Set<() => void>();
  #begun = false;
  #dead = false;
  #frozen: { until: Promise<void>; thaw: () => void } | undefined;

  /**
   * @param parts.skew what the process's clock is ahead of the world's, ms
   * @param parts.onKill called once, at the moment in which it is killed
   * @param parts.onEndlessLoop called before it is killed because it would go on calling for ever
   */
  constructor(parts: {
    name: string;
    clock: Clock;
    skew: () => number;
    stream: FaultStream;
    rates: FaultRates['call'];
    onKill: () => void;
    onEndlessLoop: () => void;
  }) {
    this.name = parts.name;
    this.#stream = parts.stream;
    this.#rates = parts.rates;
    this.#onKill = parts.onKill;
    this.#onEndlessLoop = parts.onEndlessLoop;
    this.#world = parts.clock;
    this.clock = new ProcessClock(parts.clock, parts.skew, this.#alarms, this);
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Alarms that the process has set and that have not fired. */
  get alarms(): number {
    return this.#alarms.size;
  }

  /** From here on faults may kill it: what is made before is no process yet. */
  begin(): void {
    this.#begun = true;
  }

  /** Ends it here and now. */
  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    for (const alarm of this.#alarms) alarm.cancel();
    this.#alarms.clear();
    for (const end of [...this.#ends]) end();
    this.#ends.clear();
    this.#onKill();
  }

  /** It stands still: no alarm reaches it, no call begins or comes back. */
  freeze(): void {
    if (this.#frozen !== undefined || this.#dead) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#frozen = { until: promise, thaw: resolve };
  }

  thaw(): void {
    this.#frozen?.thaw();
    this.#frozen = undefined;
  }

  /** Resolves when the process runs; undefined while it does. */
  get thawed(): Promise<void> | undefined {
    return this.#frozen?.until;
  }

  /** Calls `end` when it is killed; returns what takes that back. */
  atEnd(end: () => void): () => void {
    this.#ends.add(end);
    return () => {
      this.#ends.delete(end);
    };
  }

  /** A call whose answer never comes to a dead process. */
  async call<T>(act: () => Promise<T>): Promise<T> {
    while (this.thawed !== undefined) await this.thawed;
    if (this.#dead || this.#isKilled()) return forever();
    let result: T;
    try {
      result = await act();
      while (this.thawed !== undefined) await this.thawed;
    } catch (error) {
      while (this.thawed !== undefined) await this.thawed;
      if (this.#dead) return forever();
      throw error;
    }
    return this.#dead || this.#isKilled() ? forever() : result;
  }

  callNow<T>(act: () => T): T {
    if (this.#dead || this.#isKilled()) throw new ProcessKilled(this.name);
    const result = act();
    if (this.#isKilled()) throw new ProcessKilled(this.name);
    return result;
  }

  /** Iterates on behalf of the process. */
  iterate<T>(open: () => AsyncIterable<T>): AsyncIterableIterator<T, undefined> {
    let base: AsyncIterator<T> | undefined;
    const close = this.atEnd(() => void base?.return?.());
    const iterator: AsyncIterableIterator<T, undefined> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        if (this.#dead) return forever();
        base ??= open()[Symbol.asyncIterator]();
        const next = await base.next();
        while (this.thawed !== undefined) await this.thawed;
        if (this.#dead) return forever();
        if (next.done === true) close();
        return next as IteratorResult<T, undefined>;
      },
      return: async () => {
        close();
        await base?.return?.();
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }

  /** `target` as the process gets it: each method is a {@link call}, those named otherwise aside. */
  fence<T extends object>(
    target: T,
    kinds: { now?: readonly (keyof T)[]; iterate?: readonly (keyof T)[]; replace?: Partial<T> } = {},
  ): T {
    const { now = [], iterate = [], replace = {} } = kinds;
    const fenced: Record<PropertyKey, unknown> = {};
    // An object of its own, and no proxy: every call of every component goes through here.
    for (const property of propertiesOf(target)) {
      const key = property as keyof T;
      const value: unknown = Reflect.get(property in replace ? replace : target, property);
      if (typeof value !== 'function') {
        Object.defineProperty(fenced, property, {
          get: () => Reflect.get(property in replace ? replace : target, property),
        });
        continue;
      }
      const method = value as (...given: unknown[]) => unknown;
      fenced[property] = now.includes(key)
        ? (...given: unknown[]) => this.callNow(() => method.apply(target, given))
        : iterate.includes(key)
          ? (...given: unknown[]) => this.iterate(() => method.apply(target, given) as AsyncIterable<unknown>)
          : (...given: unknown[]) => this.call(() => method.apply(target, given) as Promise<unknown>);
    }
    return fenced as T;
  }

  /** One more thing that it does at this instant. False: it would go on for ever without time passing; it was killed. */
  takesStep(): boolean {
    const now = this.#world.now();
    if (now !== this.#callsAt) {
      this.#callsAt = now;
      this.#calls = 0;
    }
    if (++this.#calls <= MOST_CALLS_AT_ONCE) return true;
    this.#onEndlessLoop();
    this.kill();
    return false;
  }

  /** One opportunity to be killed. */
  #isKilled(): boolean {
    if (!this.#begun) return false;
    if (!this.takesStep()) return true;
    if (this.#stream.choose('process', this.#rates) === undefined) return false;
    this.kill();
    return true;
  }
}

/** The clock of one process: it may be wrong, and its alarms end with it. */
class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #skew: () => number;
  readonly #alarms: Set<Timer>;
  readonly #process: Pick<Incarnation, 'dead' | 'thawed' | 'takesStep'>;

  constructor(
    clock: Clock,
    skew: () => number,
    alarms: Set<Timer>,
    process: Pick<Incarnation, 'dead' | 'thawed' | 'takesStep'>,
  ) {
    this.#clock = clock;
    this.#skew = skew;
    this.#alarms = alarms;
    this.#process = process;
  }

  now(): number {
    return this.#clock.now() + this.#skew();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        if (!this.#process.dead) reject(signal?.reason);
      };
      const timer = this.setTimer(milliseconds, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  setTimer(milliseconds: number, callback: () => void): Timer {
    if (this.#process.dead) return { cancel: () => undefined };
    let cancelled = false;
    const fire = (): void => {
      const { thawed } = this.#process;
      if (thawed !== undefined) {
        void thawed.then(fire);
        return;
      }
      if (cancelled || this.#process.dead || !this.#process.takesStep()) return;
      this.#alarms.delete(timer);
      callback();
    };
    const alarm = this.#clock.setTimer(milliseconds, fire);
    const timer: Timer = {
      cancel: () => {
        cancelled = true;
        this.#alarms.delete(timer);
        alarm.cancel();
      },
    };
    this.#alarms.add(timer);
    return timer;
  }
}

/** Of the object and its classes. */
function propertiesOf(target: object): Set<string> {
  const properties = new Set<string>();
  for (let object = target; object !== Object.prototype && object !== null; object = Object.getPrototypeOf(object)) {
    for (const property of Object.getOwnPropertyNames(object)) if (property !== 'constructor') properties.add(property);
  }
  return properties;
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}
