import { type KindRegistry, modelKinds } from '../kubernetes/index.ts';
import {
  CSI_NODES,
  KINDS,
  type KindDefinition,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ResourceType,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
} from '../model/index.ts';

/**
 * Kinds that every cluster serves and that the world has no objects of. A server without them would be asked for them again
 * every few minutes.
 */
const EMPTY: readonly ResourceType[] = [
  CSI_NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  SERVICES,
  STATEFUL_SETS,
  STORAGE_CLASSES,
];

/** What the API server of a world serves. */
export const SERVED_KINDS: KindRegistry = modelKinds([...KINDS, ...EMPTY.map(withoutFields)]);

function withoutFields(type: ResourceType): KindDefinition {
  return {
    type,
    schema: { type: 'object' } as KindDefinition['schema'],
    subresources: { status: false, binding: false, eviction: false, log: false },
    selectableFields: [],
    columns: [],
    categories: [],
  };
}
