import type { Clock, Random } from '../../clock/index.ts';
import { type ObjectStore, Reflector } from '../../kubernetes/index.ts';
import { type Log, PODS, type Pod } from '../../model/index.ts';
import { restoreFrom } from './pod-state.ts';

/**
 * Knows the pods that are nominated to this node but not bound yet, so that their namespaces and containers are made
 * while the victims are still being dumped: what is left to do once the pod is bound is to start it. Pods to be restored
 * are made by the restore itself.
 */
export class PrepareAhead {
  readonly #nodeName: string;
  readonly #changed: (uid: string) => void;
  readonly #unbound: Reflector<Pod>;
  readonly #nominated = new Map<string, Pod>();

  /** @param changed called with the UID when a nomination came, changed or went */
  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    nodeName: string,
    changed: (uid: string) => void,
  ) {
    this.#nodeName = nodeName;
    this.#changed = changed;
    this.#unbound = new Reflector<Pod>(parts, PODS, {
      // Most pods that wait are nominated to no node, and none of them is this one's business.
      fieldSelector: `spec.nodeName=,status.nominatedNodeName=${nodeName}`,
      onChange: (pod, previous) => {
        if (previous !== undefined && previous.metadata.uid !== pod.metadata.uid) this.#drop(previous);
        if (this.#isNominated(pod)) this.#take(pod);
        else this.#drop(pod);
      },
      onDelete: (pod) => this.#drop(pod),
    });
  }

  start(): void {
    this.#unbound.start();
  }

  async synced(signal: AbortSignal): Promise<void> {
    await this.#unbound.synced(signal);
  }

  async stop(): Promise<void> {
    await this.#unbound.stop();
  }

  get(uid: string): Pod | undefined {
    return this.#nominated.get(uid);
  }

  #isNominated(pod: Pod): boolean {
    return (
      pod.status?.nominatedNodeName === this.#nodeName &&
      pod.metadata.deletionTimestamp === undefined &&
      restoreFrom(pod) === undefined
    );
  }

  #take(pod: Pod): void {
    const known = this.#nominated.has(pod.metadata.uid);
    this.#nominated.set(pod.metadata.uid, pod);
    if (!known) this.#changed(pod.metadata.uid);
  }

  #drop(pod: Pod): void {
    if (this.#nominated.delete(pod.metadata.uid)) this.#changed(pod.metadata.uid);
  }
}
