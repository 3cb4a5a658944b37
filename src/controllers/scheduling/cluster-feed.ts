import type { Clock, Random } from '../../clock/index.ts';
import { type ObjectStore, Reflector } from '../../kubernetes/index.ts';
import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  INTERRUPTION_POLICIES,
  type KubeObject,
  type Log,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  POD_CHECKPOINTS,
  POD_DISRUPTION_BUDGETS,
  POD_GROUP_CHECKPOINTS,
  POD_GROUPS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  PRIORITY_CLASSES,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ResourceType,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
} from '../../model/index.ts';
import type { ClusterEvent } from '../../scheduling/index.ts';

/**
 * Kinds that only plugins read: groups, namespaces (affinity), claims and volumes, and what selects pods (spreading by
 * default). Not every server has them all: without PodGroups there are no gangs, in the sandbox there are no volumes.
 */
const READ_BY_PLUGINS: readonly ResourceType[] = [
  POD_GROUPS,
  NAMESPACES,
  STORAGE_CLASSES,
  CSI_NODES,
  CSI_DRIVERS,
  CSI_STORAGE_CAPACITIES,
  PERSISTENT_VOLUMES,
  PERSISTENT_VOLUME_CLAIMS,
  SERVICES,
  REPLICATION_CONTROLLERS,
  REPLICA_SETS,
  STATEFUL_SETS,
];

export interface ClusterFeedDependencies {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Everything the engine decides by, mirrored from the API and handed on as {@link ClusterEvent}s. */
export class ClusterFeed {
  readonly pods: Reflector<Pod>;
  readonly checkpoints: Reflector<PodCheckpoint>;
  readonly #all: { start(): void; stop(): Promise<void>; synced(signal?: AbortSignal): Promise<void> }[] = [];

  constructor(
    dependencies: ClusterFeedDependencies,
    handlers: {
      onEvent: (event: ClusterEvent) => void;
      concerns: (pod: Pod) => boolean;
      /** What becomes of ordered groups; nothing the engine decides by. */
      onGroup: (group: PodGroupCheckpoint) => void;
      onGroupDeleted: (group: PodGroupCheckpoint) => void;
    },
  ) {
    const { onEvent, concerns, onGroup, onGroupDeleted } = handlers;
    const mirror = <T extends KubeObject>(
      type: ResourceType<T>,
      changed: (object: T) => ClusterEvent | undefined,
      deleted: (object: T) => ClusterEvent | undefined,
      options: { optional?: boolean } = {},
    ): Reflector<T> => {
      const emit = (event: ClusterEvent | undefined): void => {
        if (event !== undefined) onEvent(event);
      };
      const reflector = new Reflector<T>(dependencies, type, {
        ...options,
        onChange: (object) => emit(changed(object)),
        onDelete: (object) => emit(deleted(object)),
      });
      this.#all.push(reflector);
      return reflector;
    };
    mirror(
      PRIORITY_CLASSES,
      (priorityClass) => ({ type: 'PriorityClassChanged', priorityClass }),
      (priorityClass) => ({ type: 'PriorityClassDeleted', priorityClass }),
    );
    mirror(
      POD_GROUP_CHECKPOINTS,
      (group) => {
        onGroup(group);
        return undefined;
      },
      (group) => {
        onGroupDeleted(group);
        return undefined;
      },
      { optional: true },
    );
    mirror(
      INTERRUPTION_POLICIES,
      (policy) => ({ type: 'InterruptionPolicyChanged', policy }),
      (policy) => ({ type: 'InterruptionPolicyDeleted', policy }),
    );
    mirror(
      POD_DISRUPTION_BUDGETS,
      (budget) => ({ type: 'PodDisruptionBudgetChanged', budget }),
      (budget) => ({ type: 'PodDisruptionBudgetDeleted', budget }),
    );
    for (const type of READ_BY_PLUGINS) {
      mirror(
        type,
        (object) => ({ type: 'ObjectChanged', object }),
        (object) => ({ type: 'ObjectDeleted', object }),
        { optional: true },
      );
    }
    this.checkpoints = mirror(
      POD_CHECKPOINTS,
      (checkpoint) => ({ type: 'CheckpointChanged', checkpoint }),
      (checkpoint) => ({ type: 'CheckpointDeleted', checkpoint }),
    );
    mirror(
      NODES,
      (node) => ({ type: 'NodeChanged', node }),
      (node) => ({ type: 'NodeDeleted', node }),
    );
    this.pods = mirror(
      PODS,
      (pod) => (concerns(pod) ? { type: 'PodChanged', pod } : undefined),
      (pod) => (concerns(pod) ? { type: 'PodDeleted', pod } : undefined),
    );
  }

  start(): void {
    for (const reflector of this.#all) reflector.start();
  }

  async synced(signal?: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((reflector) => reflector.synced(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((reflector) => reflector.stop()));
  }
}
