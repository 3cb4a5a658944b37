import type { Clock } from '../../clock/index.ts';
import { refusalOf } from './dump-errors.ts';
import type { CheckpointAnswer, ContainerToCheckpoint, KubeletEndpoint } from './kubelet-endpoint.ts';

/** No such pod can be: names of containers have no upper case. What a kubelet refuses it with tells whether it checkpoints at all. */
const NOBODY: ContainerToCheckpoint = {
  namespace: 'default',
  pod: 'fermata-asks-for-nobody',
  container: 'None',
  timeoutSeconds: 1,
};
/** What was missing may have been put there. */
const BELIEVED_MILLISECONDS = 10 * 60_000;

/**
 * A kubelet's endpoint, and what its answers tell of the node: whether it has none, does not let this agent use it, or has a container
 * runtime that cannot checkpoint. It is asked once about nobody; CRIU's absence shows only in a dump that was tried.
 */
export class NodeAbility implements KubeletEndpoint {
  readonly #kubelet: KubeletEndpoint;
  readonly #clock: Clock;
  #asked = false;
  #lack: { message: string; since: number } | undefined;

  constructor(kubelet: KubeletEndpoint, clock: Clock) {
    this.#kubelet = kubelet;
    this.#clock = clock;
  }

  async checkpoint(container: ContainerToCheckpoint, signal: AbortSignal): Promise<CheckpointAnswer> {
    const answer = await this.#kubelet.checkpoint(container, signal);
    this.#asked = true;
    const refusal = 'paths' in answer ? undefined : refusalOf(answer, container.container);
    const isUnable = refusal?.code === 'CheckpointUnsupported';
    if (isUnable) this.#lack = { message: refusal?.message ?? '', since: this.#clock.now() };
    // A dump that failed for another reason says nothing, nor does one of nobody of the container runtime.
    else if ('paths' in answer) this.#lack = undefined;
    return answer;
  }

  /** Why no pod of this node can be checkpointed; undefined: nothing is known. Rejects when the kubelet does not answer. */
  async lack(signal: AbortSignal): Promise<string | undefined> {
    if (this.#lack !== undefined && this.#clock.now() - this.#lack.since >= BELIEVED_MILLISECONDS) {
      this.#lack = undefined;
      this.#asked = false;
    }
    if (!this.#asked) await this.checkpoint(NOBODY, signal);
    return this.#lack?.message;
  }
}
