import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { checkedArchive } from './container-archive.ts';
import { refusalOf } from './dump-errors.ts';
import type { DumpTarget } from './dump-targets.ts';
import { HOOK_WAIT_MILLISECONDS } from './hold-hook.ts';
import type { Holds } from './holds.ts';
import type { KubeletEndpoint } from './kubelet-endpoint.ts';

/** Dumps by the kubelet's checkpoint endpoint, which takes one container: those of a pod are asked for all at once. */
export class EndpointDumps {
  readonly #kubelet: KubeletEndpoint;
  readonly #holds: Holds;
  readonly #clock: Clock;
  readonly #root: string;

  /** @param root the node's `/` as seen here */
  constructor(parts: { kubelet: KubeletEndpoint; holds: Holds; clock: Clock }, root: string) {
    this.#kubelet = parts.kubelet;
    this.#holds = parts.holds;
    this.#clock = parts.clock;
    this.#root = root;
  }

  /** The archives, as this process sees them, in the order of the targets: all, or it rejects. */
  async take(
    uid: string,
    targets: readonly DumpTarget[],
    timeoutMilliseconds: number,
    signal: AbortSignal,
  ): Promise<string[]> {
    const timeoutSeconds = Math.max(1, Math.ceil(timeoutMilliseconds / 1000));
    const begun = this.#clock.monotonic();
    // The first to fail has a reason; the others fail by waiting for it.
    let failure: Promise<unknown> | undefined;
    const settled = await Promise.allSettled(
      targets.map(async ({ namespace, pod, name, id }) => {
        try {
          const container = { namespace, pod, container: name, timeoutSeconds };
          const answer = await this.#kubelet.checkpoint(container, signal);
          if (!('paths' in answer)) throw refusalOf(answer, name);
          return join(this.#root, checkedArchive(answer.paths[0] ?? ''));
        } catch (error) {
          const milliseconds = this.#clock.monotonic() - begun;
          failure ??= this.#notTogether(uid, id, targets, milliseconds).then((found) => found ?? error);
          throw error;
        }
      }),
    );
    if (failure !== undefined) throw await failure;
    return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  /** The dump of this container waited for those of the others as long as the hook does, and they did not begin. */
  async #notTogether(
    uid: string,
    id: string,
    targets: readonly DumpTarget[],
    milliseconds: number,
  ): Promise<FermataError | undefined> {
    if (milliseconds < HOOK_WAIT_MILLISECONDS) return undefined;
    const reached = await this.#holds.reached(uid);
    const absent = targets.filter((target) => !reached.includes(target.id)).map(({ name }) => name);
    if (!reached.includes(id) || absent.length === 0) return undefined;
    return new FermataError(
      'CheckpointUnsupported',
      `the containers of a pod have to be dumped at one instant, and the dump of ${absent.join(', ')} had not begun after ten seconds`,
      { nextStep: 'see whether the container runtime of this node dumps one container after the other' },
    );
  }
}
