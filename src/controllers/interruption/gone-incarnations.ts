import type { Clock } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  conditionOf,
  isConditionTrue,
  NODES,
  type Node,
  type Pod,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
} from '../../model/index.ts';

/** How long a node that was not heard of has, once it is back, to end what was taken from it meanwhile. */
const RETURN_MILLISECONDS = 120_000;
const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable';

/**
 * `GivenUp`: its owner deleted it. `Interrupted`: it is to be created again. `Doubtful`: a node that nobody hears of may
 * still run it, though somebody deleted it by force.
 */
export type Fate = 'GivenUp' | 'Interrupted' | 'Doubtful';

/**
 * What became of incarnations that are gone before they were restored. An eviction, a drain or the loss of a node marks them
 * (`DisruptionTarget`, KEP-3329) and is one more interruption. So it is when nobody saw who deleted them: they can be deleted
 * again, but not computed again.
 */
export class GoneIncarnations {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  /** By UID, as they were seen last. */
  readonly #seen = new Map<string, Pod>();
  /** When a node was last known not to be heard of. What was before this process is not known. */
  #doubtfulAt: number;

  constructor({ store, clock }: { store: ObjectStore; clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
    this.#doubtfulAt = clock.now();
  }

  /** The watch tells that the pod is gone. */
  observe(pod: Pod): void {
    const isWaiting = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined;
    if (isWaiting && !isConditionTrue(pod.status?.conditions, RESTORED_CONDITION))
      this.#seen.set(pod.metadata.uid, pod);
  }

  async fateOf(uid: string, signal: AbortSignal): Promise<Fate> {
    const pod = this.#seen.get(uid);
    if (pod !== undefined && isGivenUp(pod)) return 'GivenUp';
    const nodes = await this.#nodes(pod?.spec.nodeName, signal);
    if (nodes.some(isSilent)) this.#doubtfulAt = this.#clock.now();
    return this.#clock.now() - this.#doubtfulAt < RETURN_MILLISECONDS ? 'Doubtful' : 'Interrupted';
  }

  /** Its fate is written down. */
  forget(uid: string): void {
    this.#seen.delete(uid);
  }

  /** Those that may run it. */
  async #nodes(name: string | undefined, signal: AbortSignal): Promise<Node[]> {
    if (name === undefined) return (await this.#store.list(NODES, { signal })).items;
    try {
      return [await this.#store.get(NODES, { name }, { signal })];
    } catch (error) {
      if (isApiError(error, 'NotFound')) return [];
      throw error;
    }
  }
}

/** It was on no node, so that nothing there can have ended it, or was asked to end without the mark of a disruption. */
function isGivenUp({ metadata, spec, status }: Pod): boolean {
  if (isConditionTrue(status?.conditions, 'DisruptionTarget')) return false;
  return spec.nodeName === undefined || metadata.deletionTimestamp !== undefined;
}

function isSilent({ spec, status }: Node): boolean {
  if ((spec?.taints ?? []).some(({ key }) => key === UNREACHABLE_TAINT)) return true;
  return conditionOf(status?.conditions, 'Ready')?.status === 'Unknown';
}
