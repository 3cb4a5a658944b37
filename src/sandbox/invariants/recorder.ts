import type { Clock, Random } from '../../clock/index.ts';
import { type ObjectStore, Reflector } from '../../kubernetes/index.ts';
import { type KubeObject, type Log, NODES, POD_CHECKPOINTS, PODS, type ResourceType } from '../../model/index.ts';
import { findViolations, type HistoryEntry, type Violation } from './violations.ts';

/** Records what happens to pods, nodes and checkpoints, and judges it by the invariants. */
export class InvariantRecorder {
  readonly #history: HistoryEntry[] = [];
  readonly #reflectors: { start(): void; stop(): Promise<void>; synced(signal?: AbortSignal): Promise<void> }[];

  constructor(dependencies: { store: ObjectStore; clock: Clock; random: Random; log: Log }) {
    const record = <T extends KubeObject>(type: ResourceType<T>): Reflector<T> =>
      new Reflector<T>(dependencies, type, {
        onChange: (object, previous) => {
          this.#add({
            kind: type.kind,
            type: previous === undefined ? 'ADDED' : 'MODIFIED',
            object,
          } as unknown as HistoryEntry);
        },
        onDelete: (object) => this.#add({ kind: type.kind, type: 'DELETED', object } as unknown as HistoryEntry),
      });
    this.#reflectors = [record(NODES), record(POD_CHECKPOINTS), record(PODS)];
  }

  #add(entry: HistoryEntry): void {
    this.#history.push(entry);
  }

  async start(signal?: AbortSignal): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.synced(signal)));
  }

  violations(): Violation[] {
    return findViolations(this.#history);
  }

  get history(): readonly HistoryEntry[] {
    return this.#history;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }
}
