import { EventQueue } from '../event-queue.ts';

/** A disk or a network that gives all transfers under way an equal part of its bandwidth. */
export class SharedLink {
  readonly #bytesPerSecond: number;
  /** By the service each must have received when it is done. */
  readonly #transfers = new EventQueue<() => void>();
  /** Bytes that a transfer under way from the beginning would have received. */
  #service = 0;
  #at = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  get transfers(): number {
    return this.#transfers.size;
  }

  begin(bytes: number, now: number, done: () => void): void {
    this.#advance(now);
    this.#transfers.push(this.#service + bytes, done);
  }

  /** When the next transfer is done, if none is added; Infinity: there is none. */
  nextEnd(): number {
    if (this.#transfers.size === 0) return Infinity;
    const left = Math.max(0, this.#transfers.earliest - this.#service);
    return this.#at + (left * this.#transfers.size) / this.#bytesPerSecond;
  }

  /** Ends what is done by now. */
  settle(now: number): void {
    if (this.nextEnd() > now) return;
    const { earliest } = this.#transfers;
    this.#advance(now);
    // Arithmetic may leave a grain of a byte.
    this.#service = Math.max(this.#service, earliest);
    while (this.#transfers.earliest <= this.#service) this.#transfers.pop()?.();
  }

  #advance(now: number): void {
    if (this.#transfers.size > 0) this.#service += ((now - this.#at) * this.#bytesPerSecond) / this.#transfers.size;
    this.#at = now;
  }
}
