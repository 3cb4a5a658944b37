import type { HistoryEntry } from '../history.ts';
import { ApiBook } from './api-book.ts';
import type { Facts } from './facts.ts';
import { MachineBook } from './machine-book.ts';

/** Keeps {@link Facts} up with the history. Every entry costs what it changes, however large the world is. */
export class Bookkeeper {
  readonly #facts: Facts;
  readonly #api: ApiBook;
  readonly #machines: MachineBook;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#api = new ApiBook(facts);
    this.#machines = new MachineBook(facts);
  }

  apply(entry: HistoryEntry): void {
    switch (entry.kind) {
      case 'api':
        this.#api.apply(entry);
        break;
      case 'process':
        this.#machines.process(entry);
        break;
      case 'output':
        this.#machines.output(entry);
        break;
      case 'fault':
        this.#machines.fault(entry);
        break;
      case 'fetch':
        this.#machines.fetch(entry);
        break;
      case 'node':
        this.#machines.node(entry);
        break;
      case 'component':
        if (entry.what === 'crashed' || entry.what === 'stopped')
          this.#facts.dead.add(`${entry.component}#${entry.incarnation}`);
        break;
      case 'user':
        if (entry.action === 'submit' && entry.outcome === 'done') this.#facts.forgetWorkload(entry.target);
        break;
      case 'phase':
        this.#facts.phase = entry.phase;
        break;
      case 'inventory':
        break;
    }
  }
}
