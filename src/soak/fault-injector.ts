import type { Chance } from './chance.ts';

/** One fault of a run: it can be left out, or kept alone, in another run of the same seed. */
export interface InjectedFault {
  /** `<stream>#<draw>`: the opportunity it took. */
  id: string;
  /** e.g. `request/late`, `dump/hang`. */
  fault: string;
  at: number;
}

/**
 * Decides at each opportunity whether a fault happens, and keeps a list. A stream of opportunities draws one number each
 * time, whatever comes of it, so that a run in which some faults are left out meets the others again as long as it goes
 * the same way.
 */
export class FaultInjector {
  readonly #chance: Chance;
  readonly #now: () => number;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #streams = new Map<string, FaultStream>();
  readonly injected: InjectedFault[] = [];
  readonly counts: Record<string, number> = {};
  /** While false nothing happens, and nothing is drawn. */
  active = false;

  /** @param only the faults that may happen, by id; absent: all */
  constructor(chance: Chance, now: () => number, only?: readonly string[]) {
    this.#chance = chance;
    this.#now = now;
    this.#only = only === undefined ? undefined : new Set(only);
  }

  stream(name: string): FaultStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = new FaultStream(this, name, this.#chance.fork(name));
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /** Whether the fault with this id may happen; if so it is on the list from now on. */
  admit(id: string, fault: string): boolean {
    if (this.#only !== undefined && !this.#only.has(id)) return false;
    this.injected.push({ id, fault, at: this.#now() });
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    return true;
  }
}

export class FaultStream {
  readonly #injector: FaultInjector;
  readonly #name: string;
  /** For how a fault goes: after {@link choose} hit, draws from this are as good as from the stream itself. */
  readonly chance: Chance;
  #draws = 0;

  constructor(injector: FaultInjector, name: string, chance: Chance) {
    this.#injector = injector;
    this.#name = name;
    this.chance = chance.fork('details');
    this.#random = chance.random;
  }

  readonly #random: () => number;

  /** One opportunity: at most one of the faults happens. `kind` stands before its name in the counts. */
  choose<K extends string>(kind: string, rates: Partial<Record<K, number>>): K | undefined {
    if (!this.#injector.active) return undefined;
    this.#draws++;
    let left = this.#random();
    for (const fault in rates) {
      left -= rates[fault] ?? 0;
      if (left >= 0) continue;
      return this.#injector.admit(`${this.#name}#${this.#draws}`, `${kind}/${fault}`) ? fault : undefined;
    }
    return undefined;
  }
}
