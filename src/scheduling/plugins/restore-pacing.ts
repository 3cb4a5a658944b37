import { type PodCheckpoint, podGroupOf } from '../../model/index.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../framework/phases.ts';
import { isBeingRestored, type RestoreLoads, type RestoreTraffic } from '../interruption/restore-traffic.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

const PACED = new StateKey<{ checkpoint: PodCheckpoint; loads: RestoreLoads }>('RestorePacing');

/**
 * Lets no more restores begin than the bandwidth of their node and store serves in a minute: when a rack comes free, the
 * workloads that wait for it come back one after the other instead of all late.
 */
export class RestorePacing implements PreFilterPlugin, FilterPlugin {
  readonly name = 'RestorePacing';
  /** A restore that is over, or a pod that went with its, makes way. */
  readonly hints = {
    PlacedPodChanged: (_pod: PodInfo, { before }: { before?: PodInfo | undefined }) =>
      before !== undefined && isBeingRestored(before),
    RoomFreed: (_pod: PodInfo, { pod }: { pod: PodInfo }) => isBeingRestored(pod),
    NodeChanged: () => true,
  };
  readonly #traffic: RestoreTraffic;
  readonly #checkpointOf: (key: string) => PodCheckpoint | undefined;

  /** @param checkpointOf finds a PodCheckpoint by `namespace/name` */
  constructor(traffic: RestoreTraffic, checkpointOf: (key: string) => PodCheckpoint | undefined) {
    this.#traffic = traffic;
    this.#checkpointOf = checkpointOf;
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    const { namespace, restoreFrom } = cycle.pod;
    if (restoreFrom === undefined) return 'skip';
    const checkpoint = this.#checkpointOf(`${namespace}/${restoreFrom}`);
    const loads = this.#traffic.loadsAt(cycle.now, podGroupOf(cycle.pod.pod), checkpoint);
    if (checkpoint === undefined || loads.nodes.size === 0) return 'skip';
    cycle.write(PACED, { checkpoint, loads });
    return undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const paced = cycle.read(PACED);
    if (paced === undefined) return undefined;
    const reason = this.#traffic.refusal(paced.checkpoint, node.name, paced.loads);
    // Nobody is interrupted for it: the bandwidth comes free by itself.
    return reason === undefined ? undefined : { plugin: this.name, reasons: [reason], resolvable: false };
  }
}
