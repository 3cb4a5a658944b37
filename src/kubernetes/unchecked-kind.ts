import type { ResourceType } from '../model/index.ts';
import type { Kind } from './registry/index.ts';

/**
 * A kind of the in-process API server whose objects may hold anything: for what a real cluster has and this server has not
 * (Jobs, StatefulSets), and of which a test plays the controller.
 */
export function uncheckedKind(type: ResourceType): Kind {
  return {
    type,
    custom: true,
    subresources: [],
    schema: { type: 'object' },
    printerColumns: [],
    selectableFields: [],
    categories: [],
    prepare: (object) => ({ object, unknownFields: [] }),
    validate: () => [],
    validateUpdate: () => [],
  };
}
