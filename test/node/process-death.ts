import type { Journal } from '../../src/agent/index.ts';
import type { ObjectStore } from '../../src/kubernetes/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';

/**
 * When a process is killed, counted in its calls to the outside: `before` the call has any effect, `after` it has had it,
 * or `during` (the call is made, and goes on by itself, if it does).
 */
export interface DeathPlan {
  call: number;
  when: 'before' | 'during' | 'after';
}

/**
 * SIGKILL for one process of a test: its store, runtime and journal are wrapped, and at the planned call everything stops
 * for it at once. Calls it makes afterwards have no effect and never return; what the outside was already doing goes on.
 */
export class ProcessDeath {
  readonly #plan: DeathPlan | undefined;
  /** Names of the calls made so far, in order. */
  readonly calls: string[] = [];
  #dead = false;

  constructor(plan?: DeathPlan) {
    this.#plan = plan;
  }

  get dead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
  }

  store(store: ObjectStore): ObjectStore {
    return this.#wrap(store, 'store', ['watch']);
  }

  runtime(runtime: Runtime): Runtime {
    return this.#wrap(runtime, 'runtime', ['changes', 'logs']);
  }

  /** A journal's calls are synchronous: the process ends in the middle of them by an error that nothing can follow. */
  journal(journal: Journal): Journal {
    const call = <T>(name: string, work: () => T): T => {
      if (this.#dead) throw new Error('this process is dead');
      const due = this.#count(`journal.${name}`);
      if (due && this.#plan?.when === 'before') {
        this.#dead = true;
        throw new Error('this process is dead');
      }
      const result = work();
      if (due) {
        this.#dead = true;
        throw new Error('this process is dead');
      }
      return result;
    };
    return {
      entries: () => journal.entries(),
      put: (entry) => call('put', () => journal.put(entry)),
      delete: (uid) => call('delete', () => journal.delete(uid)),
      close: () => undefined,
    };
  }

  #wrap<T extends object>(target: T, name: string, streams: readonly string[]): T {
    return new Proxy(target, {
      get: (object, property) => {
        const value: unknown = Reflect.get(object, property, object);
        if (typeof value !== 'function' || typeof property !== 'string') return value;
        if (property === 'stop') return () => Promise.resolve();
        return (...parameters: unknown[]) => {
          const call = (): unknown => Reflect.apply(value, object, parameters);
          if (streams.includes(property)) return this.#stream(call() as AsyncIterable<unknown>);
          return this.#call(`${name}.${property}`, call as () => Promise<unknown>);
        };
      },
    });
  }

  async #call(name: string, work: () => Promise<unknown>): Promise<unknown> {
    if (this.#dead) return forEver();
    const due = this.#count(name);
    if (due && this.#plan?.when === 'before') {
      this.#dead = true;
      return forEver();
    }
    const result = work();
    if (due && this.#plan?.when === 'during') {
      this.#dead = true;
      // What it comes to is for nobody any more.
      result.catch(() => undefined);
      return forEver();
    }
    const settled = await Promise.allSettled([result]);
    if (due) this.#dead = true;
    if (this.#dead) return forEver();
    const [outcome] = settled;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  async *#stream(stream: AsyncIterable<unknown>): AsyncIterable<unknown> {
    for await (const item of stream) {
      if (this.#dead) await forEver();
      yield item;
      if (this.#dead) await forEver();
    }
    if (this.#dead) await forEver();
  }

  #count(name: string): boolean {
    this.calls.push(name);
    return this.calls.length === this.#plan?.call;
  }
}

function forEver(): Promise<never> {
  return new Promise(() => undefined);
}
