import type { Clock, Timer } from '../clock/index.ts';

/** Alarms of the world itself, told apart from those of what runs in it. */
export class WorldAlarms {
  readonly #clock: Clock;
  readonly #set = new Set<Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(milliseconds: number, act: () => void): Timer {
    const alarm = this.#clock.setTimer(milliseconds, () => {
      this.#set.delete(timer);
      act();
    });
    const timer: Timer = {
      cancel: () => {
        this.#set.delete(timer);
        alarm.cancel();
      },
    };
    this.#set.add(timer);
    return timer;
  }

  cancelAll(): void {
    for (const timer of [...this.#set]) timer.cancel();
  }
}
