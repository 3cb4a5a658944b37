import { EventQueue } from '../event-queue.ts';

/** One on its way. */
export interface Transfer {
  readonly done: () => void;
  /** Done, or cancelled. */
  isOver: boolean;
}

/** A disk or a network that gives all transfers under way an equal part of its bandwidth. */
export class SharedLink {
  readonly #bytesPerSecond: number;
  /** By the service each must have received when it is done; cancelled ones until they are first. */
  readonly #queue = new EventQueue<Transfer>();
  #transfers = 0;
  /** Bytes that a transfer under way from the beginning would have received. */
  #service = 0;
  #at = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  get transfers(): number {
    return this.#transfers;
  }

  begin(bytes: number, now: number, done: () => void): Transfer {
    this.#advance(now);
    const transfer = { done, isOver: false };
    this.#queue.push(this.#service + bytes, transfer);
    this.#transfers++;
    return transfer;
  }

  /** It leaves its part of the bandwidth to the others. Of one that is over: nothing. */
  cancel(transfer: Transfer, now: number): void {
    if (transfer.isOver) return;
    this.#advance(now);
    transfer.isOver = true;
    this.#transfers--;
    this.#forgetCancelled();
  }

  /** When the next transfer is done, if none is added; Infinity: there is none. */
  nextEnd(): number {
    if (this.#transfers === 0) return Infinity;
    const left = Math.max(0, this.#queue.earliest - this.#service);
    return this.#at + (left * this.#transfers) / this.#bytesPerSecond;
  }

  /** Ends what is done by now. */
  settle(now: number): void {
    if (this.nextEnd() > now) return;
    const { earliest } = this.#queue;
    this.#advance(now);
    // Arithmetic may leave a grain of a byte.
    this.#service = Math.max(this.#service, earliest);
    while (this.#queue.earliest <= this.#service) {
      const transfer = this.#queue.pop();
      if (transfer === undefined || transfer.isOver) continue;
      transfer.isOver = true;
      this.#transfers--;
      transfer.done();
    }
    this.#forgetCancelled();
  }

  #forgetCancelled(): void {
    while (this.#queue.first?.isOver === true) this.#queue.pop();
  }

  #advance(now: number): void {
    if (this.#transfers > 0) this.#service += ((now - this.#at) * this.#bytesPerSecond) / this.#transfers;
    this.#at = now;
  }
}
