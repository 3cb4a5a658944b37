import assert from 'node:assert/strict';
import {
  type Condition,
  isConditionTrue,
  type Node,
  type Pod,
  type PodCheckpoint,
  podRequests,
  withCondition,
} from '../model/index.ts';
import type { ClusterEvent } from './contract.ts';
import { stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { at, EPOCH, pod } from './testing.ts';

/** The truth of a random world: objects as an API server holds them, what watches have yet to tell, and what agents do. */
export class WorldObjects {
  readonly nodes = new Map<string, Node>();
  readonly pods = new Map<string, Pod>();
  readonly checkpoints = new Map<string, PodCheckpoint>();
  /** Not delivered yet: of pods, checkpoints, nodes. */
  readonly watches: readonly ClusterEvent[][] = [[], [], []];
  /** Pods that were told to stop after they had ended: nothing of theirs is left to be released. */
  readonly endedBefore = new Set<string>();
  #restored = 0;

  /** Everything there is, as a freshly started scheduler is told. */
  listing(): ClusterEvent[] {
    return [
      ...[...this.checkpoints.values()].map(
        (entry): ClusterEvent => ({ type: 'CheckpointChanged', checkpoint: entry }),
      ),
      ...[...this.nodes.values()].map((entry): ClusterEvent => ({ type: 'NodeChanged', node: entry })),
      ...[...this.pods.values()].map((entry): ClusterEvent => ({ type: 'PodChanged', pod: entry })),
    ];
  }

  /** In truth: what runs on a node, or was told to stop and is not confirmed gone, is within the node's capacity. */
  check(): void {
    for (const { metadata, status } of this.nodes.values()) {
      let used = 0;
      let count = 0;
      for (const one of this.#roomOn(metadata.name)) {
        used += podRequests(one).cpu ?? 0;
        count += 1;
      }
      assert.ok(used <= Number(status?.allocatable?.cpu) * 1000, `node ${metadata.name} is over-committed: ${used}m`);
      assert.ok(count <= 4, `node ${metadata.name} has ${count} pods`);
    }
  }

  /** Pods that could be placed on a node as things stand, promised room left to whom it was promised. */
  placeable(): string[] {
    const waiting = [...this.pods.values()].filter((one) => one.spec.nodeName === undefined);
    return waiting.flatMap((one) => {
      const promisedTo = waiting.filter(
        (other) =>
          other !== one &&
          other.status?.nominatedNodeName !== undefined &&
          (other.spec.priority ?? 0) >= (one.spec.priority ?? 0),
      );
      const fits = [...this.nodes.values()].some(({ metadata, status }) => {
        const taken = [
          ...this.#roomOn(metadata.name),
          ...promisedTo.filter((other) => other.status?.nominatedNodeName === metadata.name),
        ];
        const used = taken.reduce((sum, other) => sum + (podRequests(other).cpu ?? 0), 0);
        return taken.length < 4 && used + (podRequests(one).cpu ?? 0) <= Number(status?.allocatable?.cpu) * 1000;
      });
      return fits ? [one.metadata.name] : [];
    });
  }

  isStopping(uid: string): boolean {
    if (this.endedBefore.has(uid)) return false;
    return [...this.checkpoints.values()].some(
      (entry) => entry.spec.sourcePod.uid === uid && stopPhaseOf(entry) === 'UnderWay',
    );
  }

  underWayFor(uid: string): PodCheckpoint[] {
    return [...this.checkpoints.values()].filter(
      (entry) => entry.spec.preemptor?.uid === uid && stopPhaseOf(entry) === 'UnderWay',
    );
  }

  store(one: Pod): void {
    this.pods.set(one.metadata.uid, one);
    this.watches[0]?.push({ type: 'PodChanged', pod: one });
  }

  remove(one: Pod | undefined): void {
    if (one === undefined || !this.pods.delete(one.metadata.uid)) return;
    this.watches[0]?.push({ type: 'PodDeleted', pod: one });
  }

  putCheckpoint(entry: PodCheckpoint): void {
    this.checkpoints.set(entry.metadata.name, entry);
    this.watches[1]?.push({ type: 'CheckpointChanged', checkpoint: entry });
  }

  setCordon(entry: Node, unschedulable: boolean): void {
    const changed = { ...entry, spec: { ...entry.spec, unschedulable } };
    this.nodes.set(changed.metadata.name, changed);
    this.watches[2]?.push({ type: 'NodeChanged', node: changed });
  }

  *#roomOn(nodeName: string): Iterable<Pod> {
    const seen = new Set<string>();
    for (const one of this.pods.values()) {
      if (one.spec.nodeName !== nodeName || (isFinished(one) && !this.isStopping(one.metadata.uid))) continue;
      seen.add(one.metadata.uid);
      yield one;
    }
    for (const { spec, status } of this.checkpoints.values()) {
      const uid = spec.sourcePod.uid ?? '';
      if (status?.nodeName !== nodeName || seen.has(uid) || !this.isStopping(uid)) continue;
      // Gone before its dump was complete: somebody else deleted it, and its node has confirmed that.
      if (!isConditionTrue(status.conditions, 'Ready')) continue;
      seen.add(uid);
      yield { ...pod(spec.sourcePod.name).build(), spec: status.checkpointedPodTemplate?.spec as Pod['spec'] };
    }
  }

  /** One step of the agent and the interruption controller: dump, delete, release, next incarnation. */
  agent(pick: number, fails: boolean, now: number): void {
    const entry = choose([...this.checkpoints.values()], pick);
    if (entry === undefined || stopPhaseOf(entry) !== 'UnderWay') return;
    const source = this.pods.get(entry.spec.sourcePod.uid ?? '');
    const ready = isConditionTrue(entry.status?.conditions, 'Ready');
    const put = (condition: Condition): void => {
      const conditions = withCondition(entry.status?.conditions, condition, at(now - EPOCH));
      this.putCheckpoint({ ...entry, status: { ...entry.status, completionTime: at(now - EPOCH), conditions } });
    };
    if (!ready && source === undefined) put({ type: 'Ready', status: 'False', reason: 'SourcePodReplaced' });
    else if (!ready && (fails || (source !== undefined && isFinished(source))))
      put({ type: 'Ready', status: 'False', reason: 'CheckpointFailed', message: 'no' });
    else if (!ready) put({ type: 'Ready', status: 'True', reason: 'CheckpointCompleted' });
    else if (source !== undefined) this.remove(source);
    else {
      put({ type: 'Released', status: 'True' });
      this.#restore(entry);
    }
  }

  #restore(entry: PodCheckpoint): void {
    this.#restored += 1;
    const spec = { ...(entry.status?.checkpointedPodTemplate?.spec as Pod['spec']) };
    delete spec.nodeName;
    const built = pod(entry.spec.sourcePod.name)
      .uid(`again-${this.#restored}`)
      .restoreFrom(entry.metadata.name, 0)
      .build();
    this.store({ ...built, spec });
  }
}

export function choose<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)];
}

export function isFinished(one: Pod): boolean {
  return one.status?.phase === 'Succeeded';
}
