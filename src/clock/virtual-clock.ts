import type { Clock, Timer } from './clock.ts';

interface Alarm {
  at: number;
  sequence: number;
  callback: () => void;
}

/**
 * A clock that moves only when told to. Alarms due at one instant fire in the order they were set, and after each the
 * pending promise reactions run before the next, so a run depends on nothing but what it was given.
 */
export class VirtualClock implements Clock {
  #now: number;
  #sequence = 0;
  #alarms: Alarm[] = [];

  /** @param start milliseconds since the epoch; default 2026-01-01T00:00:00Z */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.setTimer(milliseconds, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  setTimer(milliseconds: number, callback: () => void): Timer {
    const alarm: Alarm = { at: this.#now + Math.max(0, milliseconds), sequence: this.#sequence++, callback };
    // A binary search keeps the list ordered by (at, sequence); a new alarm goes behind its equals.
    let low = 0;
    let high = this.#alarms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#alarms[middle]?.at ?? 0) <= alarm.at) low = middle + 1;
      else high = middle;
    }
    this.#alarms.splice(low, 0, alarm);
    return {
      cancel: () => {
        const index = this.#alarms.indexOf(alarm);
        if (index >= 0) this.#alarms.splice(index, 1);
      },
    };
  }

  /** Alarms not yet fired: zero after a clean stop. */
  get pending(): number {
    return this.#alarms.length;
  }

  /** Moves time forward by `milliseconds`, firing what falls due on the way. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.#now + milliseconds;
    await settle();
    for (let next = this.#alarms[0]; next !== undefined && next.at <= target; next = this.#alarms[0]) {
      this.#alarms.shift();
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settle();
    }
    this.#now = target;
  }

  /** Advances until `condition` holds, from alarm to alarm; throws after `limitMilliseconds` of virtual time. */
  async advanceUntil(condition: () => boolean | Promise<boolean>, limitMilliseconds = 3_600_000): Promise<void> {
    const deadline = this.#now + limitMilliseconds;
    await settle();
    while (!(await condition())) {
      const next = this.#alarms[0];
      if (next === undefined || next.at > deadline) {
        throw new Error(`condition still false at virtual time ${this.#now} (${this.#alarms.length} alarms pending)`);
      }
      await this.advance(next.at - this.#now);
    }
  }
}

/** Lets every promise reaction that is ready run, including those that earlier ones make ready. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
