import type { Clock } from '../../clock/index.ts';
import { type KubeObject, keyOf, PODS, type ResourceType } from '../../model/index.ts';
import { adopt } from './adopt.ts';
import { FOREGROUND_FINALIZER, isReleased, planDeletion } from './deletion.ts';
import type { ServedKinds } from './kinds.ts';
import type { Ledger } from './ledger.ts';
import type { Change, PropagationPolicy } from './options.ts';

/** What kube-controller-manager and the storage layer do of themselves: it sees every change, and acts when its turn comes. */
export interface Upkeep {
  /** Takes note; must not write. After a restart it is called with every object as ADDED. */
  observe(change: Change): void;
  /** Whether {@link run} has anything to do. */
  isDue(): boolean;
  /** Does what is due. What could not be done, because a write failed and threw, is due again. */
  run(): void;
}

/** Handles each of the keys that were due when it began; one whose handling throws is due again. */
export function drain<K>(due: Set<K>, handle: (key: K) => void): void {
  for (const key of [...due]) {
    due.delete(key);
    try {
      handle(key);
    } catch (error) {
      due.add(key);
      throw error;
    }
  }
}

export interface DeletionRequest {
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: PropagationPolicy | undefined;
  /** Put on the object, so that it stays until somebody has acted on the request. */
  addFinalizer?: string;
}

/**
 * Objects under Kubernetes' rules of life, below validation and admission: a write that changes nothing is none, finalizers
 * and grace periods hold objects back, and upkeep follows each write.
 */
export class RegistryCore {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly kinds: ServedKinds;
  readonly #upkeeps: Upkeep[] = [];
  #settling = false;
  #upkeepError: unknown;

  constructor(parts: { ledger: Ledger; clock: Clock; kinds: ServedKinds }) {
    this.ledger = parts.ledger;
    this.clock = parts.clock;
    this.kinds = parts.kinds;
    this.ledger.subscribe((change) => {
      for (const upkeep of this.#upkeeps) upkeep.observe(change);
    });
  }

  add(...upkeeps: Upkeep[]): void {
    this.#upkeeps.push(...upkeeps);
  }

  /** Shows the upkeeps what was there before them. */
  resume(): void {
    for (const collection of this.ledger.collections()) {
      for (const object of collection.values()) {
        const revision = Number(object.metadata.resourceVersion);
        const change = { revision, collection: collection.id, key: keyOf(object), object, previous: undefined };
        for (const upkeep of this.#upkeeps) upkeep.observe({ ...change, type: 'ADDED' });
      }
    }
    this.settle();
  }

  get(collection: string, key: string): KubeObject | undefined {
    return this.ledger.collection(collection).get(key);
  }

  /** Stores the object; gives back what is stored. Removes it instead when it was only waiting for its finalizers. */
  put(collection: string, key: string, object: KubeObject): KubeObject {
    return this.putAdopted(collection, key, adopt(object, this.get(collection, key)));
  }

  /** As {@link put}, of an object that was adopted beside the one that is there. */
  putAdopted(collection: string, key: string, next: KubeObject): KubeObject {
    const previous = this.get(collection, key);
    if (next === previous) return next;
    return isReleased(next) && previous !== undefined
      ? this.#removeAs(collection, key, next)
      : this.#commit(collection, key, next);
  }

  /** Takes the object away, whatever holds it; gives it back as it last was. */
  remove(collection: string, key: string): KubeObject {
    return this.#commit(collection, key, undefined);
  }

  /** Asks for deletion; gives the object as it is then, or last was. */
  requestDeletion(collection: string, key: string, request: DeletionRequest): KubeObject {
    const object = this.get(collection, key);
    if (object === undefined) throw new RangeError(`${collection}/${key} does not exist`);
    const plan = this.planDeletion(collection, object, request);
    if (plan.outcome === 'remove') return this.remove(collection, key);
    if (plan.outcome === 'pending') return object;
    return this.put(collection, key, plan.next);
  }

  planDeletion(collection: string, object: KubeObject, request: DeletionRequest): ReturnType<typeof planDeletion> {
    const { gracePeriodSeconds, propagationPolicy } = request;
    const addFinalizer = propagationPolicy === 'Foreground' ? FOREGROUND_FINALIZER : request.addFinalizer;
    return planDeletion(
      object,
      {
        graceful: collection === collectionOf(PODS),
        gracePeriodSeconds,
        ...(addFinalizer === undefined ? {} : { addFinalizer }),
      },
      this.clock,
    );
  }

  /** Why the upkeeps could not finish the last time, e.g. a full disk; undefined when they could. */
  get upkeepError(): unknown {
    return this.#upkeepError;
  }

  /**
   * Lets the upkeeps act until none has anything left to do. One that fails keeps what it could not do, for the next time:
   * the call it came after was done, and must not be told otherwise.
   */
  settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    try {
      for (let due = this.#due(); due !== undefined; due = this.#due()) due.run();
      this.#upkeepError = undefined;
    } catch (error) {
      this.#upkeepError = error;
    } finally {
      this.#settling = false;
    }
  }

  #due(): Upkeep | undefined {
    for (const upkeep of this.#upkeeps) if (upkeep.isDue()) return upkeep;
    return undefined;
  }

  #commit(collection: string, key: string, next: KubeObject | undefined): KubeObject {
    const [change] = this.ledger.commit([{ collection, key, next }]);
    if (change === undefined) throw new RangeError('a commit of one write gives one change');
    return change.object;
  }

  /** As kube-apiserver does: the write that lets go of an object is never stored, watchers see only the deletion. */
  #removeAs(collection: string, key: string, last: KubeObject): KubeObject {
    const { resourceVersion } = this.remove(collection, key).metadata;
    return Object.freeze({ ...last, metadata: Object.freeze({ ...last.metadata, resourceVersion }) });
  }
}

/** Objects of all versions of a kind live together. */
export function collectionOf(type: Pick<ResourceType, 'group' | 'plural'>): string {
  return `${type.group}/${type.plural}`;
}
