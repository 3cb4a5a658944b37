import type { Node, Pod, PodCheckpoint } from '../model/index.ts';
import type { ClusterEvent, Decision } from './contract.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { EPOCH } from './testing.ts';

/** An engine at a time that moves only by {@link Story.after}. */
export class Story {
  readonly engine: Engine;
  now = EPOCH;

  constructor(options: EngineOptions = {}) {
    this.engine = new Engine(options);
  }

  nodes(...nodes: { build(): Node }[]): this {
    for (const entry of nodes) this.engine.observe({ type: 'NodeChanged', node: entry.build() }, this.now);
    return this;
  }

  pods(...pods: { build(): Pod }[]): this {
    for (const entry of pods) this.engine.observe({ type: 'PodChanged', pod: entry.build() }, this.now);
    return this;
  }

  gone(...pods: { build(): Pod }[]): this {
    for (const entry of pods) this.engine.observe({ type: 'PodDeleted', pod: entry.build() }, this.now);
    return this;
  }

  /** Anything else that happens. */
  tell(...events: ClusterEvent[]): this {
    for (const event of events) this.engine.observe(event, this.now);
    return this;
  }

  checkpoints(...checkpoints: { build(): PodCheckpoint }[]): this {
    for (const entry of checkpoints) {
      this.engine.observe({ type: 'CheckpointChanged', checkpoint: entry.build() }, this.now);
    }
    return this;
  }

  after(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }

  decide() {
    return this.engine.decide(this.now);
  }

  /** Decisions in short: `Bind a → n1`. */
  brief(): string[] {
    return this.decide().map(brief);
  }
}

export function brief(decision: Decision): string {
  switch (decision.type) {
    case 'Bind':
      return `Bind ${decision.pod.name} → ${decision.nodeName}`;
    case 'Interrupt':
      return `Interrupt ${decision.victims.map(({ pod: { name }, action }) => `${action} ${name}`).join(', ')} for ${decision.pod.name} → ${decision.nodeName}`;
    case 'Wait':
      return `Wait ${decision.pod.name} → ${decision.nodeName} until ${decision.until - EPOCH}`;
    case 'Reclaim':
      return `Reclaim ${decision.victim.action} ${decision.pod.name} on ${decision.nodeName}`;
    case 'Move':
      return `Move ${decision.pod.name} from ${decision.nodeName} → ${decision.targetName}`;
    case 'Unschedulable':
      return `Unschedulable ${decision.pod.name}: ${decision.message}`;
  }
}
