import {
  type FieldError,
  KINDS,
  type KindDefinition,
  type KubeObject,
  prepareObject,
  validateObject,
  validateUpdate,
} from '../../model/index.ts';
import type { FieldProblem, Kind, KindRegistry } from './kinds.ts';

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
    prepare: (object, current) => prepared(definition, object, current),
    validate: (object, current) => {
      const options = current === undefined ? { creating: true } : { known: current };
      return validateObject(definition, object, options).errors.map(problemOf);
    },
    validateUpdate: (next, current) => validateUpdate(definition, current, next).map(problemOf),
  };
}

function prepared(definition: KindDefinition, object: KubeObject, current: KubeObject | undefined) {
  const next = object as KubeObject & { spec?: unknown };
  // Defaults belong to the spec. One that was taken over has them, and filling in those of a pod means copying it.
  if (current === undefined || next.spec === undefined || next.spec !== (current as typeof next).spec) {
    return prepareObject(definition, object, current);
  }
  const { object: clean, unknownFields, errors } = validateObject(definition, object, { known: current });
  return { object: clean, unknownFields, problems: errors.map(problemOf) };
}

function problemOf({ field, type, message }: FieldError): FieldProblem {
  return { path: field, message, reason: `FieldValue${type}` };
}
