import type { Clock, Random } from '../../clock/index.ts';
import { isApiError, type ObjectKey, type ObjectStore, ReconcileLoop } from '../../kubernetes/index.ts';
import { isSame, type Log, PODS, type Pod, type PodStatus } from '../../model/index.ts';

/** How many pods' statuses are on their way at once. */
const CONCURRENCY = 16;

/**
 * Writes pod statuses without holding up the pods: of several statuses set in a row for one pod the last is written.
 * A status is computed on top of the object it is written to, so that what others wrote into it stays; when the object
 * changed meanwhile, it is read and the status computed again.
 */
export class PodStatusWriter {
  readonly #store: ObjectStore;
  readonly #cached: (uid: string) => Pod | undefined;
  readonly #pending = new Map<string, (pod: Pod) => PodStatus>();
  /** The object as the last write left it, until the watch has caught up. */
  readonly #written = new Map<string, Pod>();
  readonly #loop: ReconcileLoop;

  /** @param cached the pod of that UID as the watch shows it */
  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    cached: (uid: string) => Pod | undefined,
  ) {
    this.#store = parts.store;
    this.#cached = cached;
    this.#loop = new ReconcileLoop(parts, {
      name: 'pod-status',
      concurrency: CONCURRENCY,
      reconcile: (uid, signal) => this.#write(uid, signal),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  set(uid: string, compute: (pod: Pod) => PodStatus): void {
    this.#pending.set(uid, compute);
    this.#loop.enqueue(uid);
  }

  forget(uid: string): void {
    this.#pending.delete(uid);
    this.#written.delete(uid);
  }

  /** The newest version of the pod known here. */
  latest(uid: string): Pod | undefined {
    const cached = this.#cached(uid);
    const written = this.#written.get(uid);
    if (cached === undefined || written === undefined) return cached;
    if (isNewer(written, cached)) return { ...cached, status: written.status ?? {}, metadata: written.metadata };
    this.#written.delete(uid);
    return cached;
  }

  async #write(uid: string, signal: AbortSignal): Promise<void> {
    const compute = this.#pending.get(uid);
    let pod: Pod | undefined = this.latest(uid);
    if (compute === undefined || pod === undefined) return;
    for (;;) {
      const key: ObjectKey = { namespace: pod.metadata.namespace, name: pod.metadata.name };
      const changed: Record<string, unknown> = difference(pod.status ?? {}, compute(pod));
      try {
        if (Object.keys(changed).length > 0) {
          const { resourceVersion } = pod.metadata;
          const patch = { metadata: { uid, resourceVersion }, status: changed };
          this.#written.set(uid, await this.#store.patch(PODS, key, patch, { subresource: 'status', signal }));
        }
        if (this.#pending.get(uid) === compute) this.#pending.delete(uid);
        return;
      } catch (error) {
        if (isApiError(error, 'NotFound')) return this.forget(uid);
        if (!isApiError(error, 'Conflict')) throw error;
      }
      try {
        pod = await this.#store.get(PODS, key, { signal });
      } catch (error) {
        if (isApiError(error, 'NotFound')) return this.forget(uid);
        throw error;
      }
      // Somebody else's pod took the name.
      if (pod.metadata.uid !== uid) return this.forget(uid);
    }
  }
}

/** Merge patch (RFC 7386) from one status to the other; arrays are replaced whole. */
function difference(from: PodStatus, to: PodStatus): Record<string, unknown> {
  const before = from as Record<string, unknown>;
  const after = to as Record<string, unknown>;
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!isSame(before[name], after[name])) patch[name] = after[name] ?? null;
  }
  return patch;
}

/** Resource versions are comparable as numbers where they are numbers (KEP-5504); where not, what was just written counts. */
function isNewer(one: Pod, other: Pod): boolean {
  const [left, right] = [Number(one.metadata.resourceVersion), Number(other.metadata.resourceVersion)];
  return Number.isSafeInteger(left) && Number.isSafeInteger(right) ? left > right : true;
}
