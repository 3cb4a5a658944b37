import { KINDS, type KindDefinition, type KubeObject } from '../../model/index.ts';
import type { Kind, KindRegistry } from './kinds.ts';
import { metadataProblems } from './metadata-rules.ts';
import { type StructuralSchema, structured } from './structural-schema.ts';

/** The kinds of `src/model`, as a registry serves them. */
export function modelKinds(definitions: readonly KindDefinition[] = KINDS): KindRegistry {
  const kinds = definitions.map((definition) => modelKind(definition));
  return { list: () => kinds };
}

function modelKind(definition: KindDefinition): Kind {
  const { type, subresources, selectableFields, categories } = definition;
  return {
    type,
    custom: false,
    subresources: Object.entries(subresources).flatMap(([name, served]) => (served ? [name] : [])),
    get schema() {
      return definition.schema as Readonly<Record<string, unknown>>;
    },
    // The server prints these kinds by the model's own columns.
    printerColumns: [],
    selectableFields,
    categories,
    prepare: (object, current) => {
      const unknownFields: string[] = [];
      const schema = definition.schema as StructuralSchema;
      return { object: structured(object, schema, '', unknownFields, current) as KubeObject, unknownFields };
    },
    validate: (object) => metadataProblems(object),
    validateUpdate: () => [],
  };
}
