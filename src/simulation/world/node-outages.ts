import type { Random } from '../../clock/index.ts';
import { type Outage, type OutageSource, outageSources } from './outages.ts';
import type { Stage } from './stage.ts';
import type { Work } from './work.ts';

/** Takes nodes away and brings them back. */
export class NodeOutages {
  readonly #stage: Stage;
  readonly #sources: readonly OutageSource[];
  /** By node: until when it is away. */
  readonly #awayUntil: Float64Array;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#sources = outageSources(stage.world, random);
    this.#awayUntil = new Float64Array(stage.world.nodes.length);
  }

  begin(): void {
    for (const source of this.#sources) this.#plan(source);
  }

  #plan(source: OutageSource): void {
    const outage = source(this.#stage.now);
    if (outage === undefined) return;
    this.#stage.alarm(outage.at, () => {
      for (const node of outage.nodes) this.#strike(node, outage);
      this.#plan(source);
    });
  }

  /** A node goes with all that runs there; in a pool, the job that holds the processor fails and is replaced at once. */
  #strike(node: number, { cause, processor, seconds }: Outage): void {
    const { world, room, ledger, placed, now } = this.#stage;
    if (cause === 'failure') ledger.nodeFailures++;
    else ledger.drains++;
    if (world.isPool) {
      for (const work of this.#holderOf(processor)) this.#stage.strike(work, cause);
      return;
    }
    const wasDown = room.down[node] === 1;
    room.down[node] = 1;
    this.#awayUntil[node] = Math.max(this.#awayUntil[node] ?? 0, now + seconds);
    for (const work of [...placed, ...this.#paused()]) {
      if (work.parts.some((part) => part.node === node)) this.#stage.strike(work, cause);
    }
    if (wasDown) return;
    this.#stage.nodeChanged(node, cause);
    this.#planReturn(node);
  }

  #planReturn(node: number): void {
    const { room } = this.#stage;
    const until = this.#awayUntil[node] ?? 0;
    this.#stage.alarm(until, () => {
      if ((this.#awayUntil[node] ?? 0) > until) {
        this.#planReturn(node);
        return;
      }
      room.down[node] = 0;
      this.#stage.nodeChanged(node);
    });
  }

  #paused(): Work[] {
    return [...this.#stage.works.values()].filter(({ phase }) => phase === 'paused');
  }

  #holderOf(processor: number): Work[] {
    let passed = 0;
    for (const work of this.#stage.placed) {
      passed += work.parts.reduce((sum, { tasks }) => sum + tasks, 0) * (work.job.processors / work.shape.tasks);
      if (processor < passed) return [work];
    }
    return [];
  }
}
