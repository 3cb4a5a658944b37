import {
  addResources,
  conditionOf,
  formatAmount,
  insufficientResources,
  isConditionTrue,
  isTerminal,
  keyOf,
  NO_RESOURCES,
  NODES,
  type Node,
  POD_CHECKPOINTS,
  type PODS,
  type Pod,
  type PodCheckpoint,
  parseResources,
  podRequests,
  type Resources,
  workloadOfPod,
} from '../../model/index.ts';

/** One change of one object, as a watch told it. */
export type HistoryEntry =
  | { kind: typeof PODS.kind; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Pod }
  | { kind: typeof NODES.kind; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Node }
  | { kind: typeof POD_CHECKPOINTS.kind; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: PodCheckpoint };

export interface Violation {
  /** Number of the invariant in docs/architecture.md. */
  invariant: number;
  revision: number;
  message: string;
}

/**
 * Reads a history of pods, nodes and checkpoints in the order of their revisions (one counter for all kinds) and says
 * where an invariant was broken. It looks only at what the API recorded, not at the code that is judged by it.
 */
export function findViolations(history: readonly HistoryEntry[]): Violation[] {
  const world = new World();
  const ordered = [...history].sort((one, other) => revisionOf(one) - revisionOf(other));
  return ordered.flatMap((entry) => world.apply(entry));
}

class World {
  readonly #pods = new Map<string, Pod>();
  readonly #nodes = new Map<string, Node>();
  readonly #checkpoints = new Map<string, PodCheckpoint>();

  apply(entry: HistoryEntry): Violation[] {
    const key = keyOf(entry.object);
    const revision = revisionOf(entry);
    const found = (invariant: number, message: string): Violation => ({ invariant, revision, message });
    if (entry.kind === NODES.kind) {
      put(this.#nodes, key, entry.type, entry.object as Node);
      return [];
    }
    if (entry.kind === POD_CHECKPOINTS.kind) {
      const checkpoint = entry.object as PodCheckpoint;
      put(this.#checkpoints, key, entry.type, checkpoint);
      return entry.type === 'DELETED' && holdsOnlyCopy(checkpoint)
        ? [
            found(
              5,
              `checkpoint ${key} was deleted while workload ${checkpoint.spec.sourcePod.name} was suspended on it`,
            ),
          ]
        : [];
    }
    const pod = entry.object as Pod;
    const wasBound = this.#pods.get(key)?.spec.nodeName !== undefined;
    put(this.#pods, key, entry.type, pod);
    if (entry.type === 'DELETED') return [];
    const violations: Violation[] = [];
    if (!wasBound && pod.spec.nodeName !== undefined) {
      const lacking = this.#overcommitted(pod.spec.nodeName);
      if (lacking !== undefined) violations.push(found(1, `${lacking} when pod ${key} was bound`));
      const held = this.#unreleased(pod);
      if (held !== undefined) {
        violations.push(
          found(6, `pod ${key} was bound to ${pod.spec.nodeName} before checkpoint ${held} was Released`),
        );
      }
    }
    const twin = this.#runningTwin(key, pod);
    if (twin !== undefined) violations.push(found(2, `pods ${key} and ${twin} run the same workload at once`));
    return violations;
  }

  #overcommitted(nodeName: string): string | undefined {
    const node = this.#nodes.get(nodeName);
    if (node === undefined) return undefined;
    const allocatable = parseResources(node.status?.allocatable);
    let held: Resources = NO_RESOURCES;
    for (const pod of this.#pods.values()) {
      if (pod.spec.nodeName === nodeName && !isTerminal(pod)) held = addResources(held, podRequests(pod));
    }
    const lacking = insufficientResources(held, allocatable);
    if (lacking.length === 0) return undefined;
    const amounts = lacking.map(
      (name) => `${formatAmount(name, held[name] ?? 0)} of ${formatAmount(name, allocatable[name] ?? 0)} ${name}`,
    );
    return `node ${nodeName} was given ${amounts.join(', ')}`;
  }

  /** A checkpoint made for this pod on its node whose release nobody has confirmed. */
  #unreleased(pod: Pod): string | undefined {
    for (const [key, { spec, status }] of this.#checkpoints) {
      if (spec.preemptor?.uid !== pod.metadata.uid || spec.postCheckpointState !== 'Stopped') continue;
      if (status?.nodeName !== undefined && status.nodeName !== pod.spec.nodeName) continue;
      const failed = ['CheckpointFailed', 'SourcePodReplaced'].includes(
        conditionOf(status?.conditions, 'Ready')?.reason ?? '',
      );
      if (!failed && !isConditionTrue(status?.conditions, 'Released')) return key;
    }
    return undefined;
  }

  #runningTwin(key: string, pod: Pod): string | undefined {
    if (!isRunning(pod)) return undefined;
    for (const [otherKey, other] of this.#pods) {
      if (otherKey !== key && isRunning(other) && workloadOfPod(other) === workloadOfPod(pod)) return otherKey;
    }
    return undefined;
  }
}

function put<T>(objects: Map<string, T>, key: string, type: HistoryEntry['type'], object: T): void {
  if (type === 'DELETED') objects.delete(key);
  else objects.set(key, object);
}

function revisionOf(entry: HistoryEntry): number {
  return Number(entry.object.metadata.resourceVersion);
}

function isRunning(pod: Pod): boolean {
  return (pod.status?.containerStatuses ?? []).some((status) => status.state?.running !== undefined);
}

function holdsOnlyCopy({ spec, status }: PodCheckpoint): boolean {
  if (spec.postCheckpointState !== 'Stopped' || spec.restore === 'Never') return false;
  if (!isConditionTrue(status?.conditions, 'Ready') || !isConditionTrue(status?.conditions, 'Released')) return false;
  const restored = conditionOf(status?.conditions, 'Restored');
  return restored?.status !== 'True' && restored?.reason !== 'Abandoned';
}
