import type { Clock, Timer } from './clock.ts';
import { sleepOn } from './sleep.ts';

interface Alarm {
  readonly at: number;
  readonly sequence: number;
  callback: (() => void) | undefined;
}

export interface VirtualClockOptions {
  /**
   * What is waited for after each alarm. `turn` (default): a turn of the event loop, in which real I/O may come through.
   * `reactions`: only that no promise reaction is ready any more; many times cheaper, for runs that do no I/O.
   */
  settling?: 'turn' | 'reactions';
}

/**
 * A clock that moves only when told to. Alarms due at one instant fire in the order they were set, and after each the
 * pending promise reactions run before the next, so a run depends on nothing but what it was given.
 */
export class VirtualClock implements Clock {
  readonly #settle: () => Promise<void>;
  #now: number;
  #sequence = 0;
  /** A binary heap; cancelled alarms stay in it until they come up, or until they are most of it. */
  #alarms: Alarm[] = [];
  #cancelled = 0;

  /** @param start milliseconds since the epoch; default 2026-01-01T00:00:00Z */
  constructor(start = Date.UTC(2026, 0, 1), options: VirtualClockOptions = {}) {
    this.#now = start;
    this.#settle = options.settling === 'reactions' ? untilNoReactionIsReady : oneTurn;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, milliseconds, signal);
  }

  setTimer(milliseconds: number, callback: () => void): Timer {
    const alarm: Alarm = { at: this.#now + Math.max(0, milliseconds), sequence: this.#sequence++, callback };
    this.#push(alarm);
    return {
      cancel: () => {
        if (alarm.callback === undefined) return;
        alarm.callback = undefined;
        this.#cancelled++;
        if (this.#cancelled > 1_000 && this.#cancelled * 2 > this.#alarms.length) this.#sweep();
      },
    };
  }

  /** Alarms not yet fired: zero after a clean stop. */
  get pending(): number {
    return this.#alarms.length - this.#cancelled;
  }

  /** Moves time forward by `milliseconds`, firing what falls due on the way. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.#now + milliseconds;
    await this.#settle();
    for (let next = this.#first(); next !== undefined && next.at <= target; next = this.#first()) {
      this.#fire(next);
      await this.#settle();
    }
    this.#now = target;
  }

  /** Advances until `condition` holds, from alarm to alarm; throws after `limitMilliseconds` of virtual time. */
  async advanceUntil(condition: () => boolean | Promise<boolean>, limitMilliseconds = 3_600_000): Promise<void> {
    const deadline = this.#now + limitMilliseconds;
    await this.#settle();
    while (!(await condition())) {
      const next = this.#first();
      if (next === undefined || next.at > deadline) {
        throw new Error(`condition still false at virtual time ${this.#now} (${this.pending} alarms pending)`);
      }
      await this.advance(next.at - this.#now);
    }
  }

  #fire(alarm: Alarm): void {
    this.#pop();
    this.#now = Math.max(this.#now, alarm.at);
    const { callback } = alarm;
    alarm.callback = undefined;
    callback?.();
  }

  /** The next alarm that was not cancelled. */
  #first(): Alarm | undefined {
    for (let first = this.#alarms[0]; first !== undefined; first = this.#alarms[0]) {
      if (first.callback !== undefined) return first;
      this.#pop();
      this.#cancelled--;
    }
    return undefined;
  }

  #push(alarm: Alarm): void {
    const heap = this.#alarms;
    let index = heap.length;
    while (index > 0) {
      const above = (index - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(alarm, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = alarm;
  }

  /** Removes the first entry of the heap. */
  #pop(): void {
    const heap = this.#alarms;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let below = index * 2 + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, child)) {
        below++;
        child = right;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = below;
    }
    heap[index] = last;
  }

  /** Lets go of what was cancelled. A sorted list is a heap. */
  #sweep(): void {
    this.#alarms = this.#alarms
      .filter(({ callback }) => callback !== undefined)
      .sort((one, other) => (isBefore(one, other) ? -1 : 1));
    this.#cancelled = 0;
  }
}

function isBefore(one: Alarm, other: Alarm): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence);
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Node runs what is handed to `nextTick` when the queue of promise reactions is empty, and not before. */
function untilNoReactionIsReady(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
