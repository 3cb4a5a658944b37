import { createRequire } from 'node:module';
import { apiVersionOf, type CustomResourceDefinition, type KubeObject, type ResourceType } from '../../model/index.ts';
import type { FieldProblem, Kind, PrinterColumn } from './kinds.ts';
import { invalidValue, metadataProblems } from './metadata-rules.ts';
import { schemaProblems } from './schema-problems.ts';
import { immutablePaths, jsonSchemaOf, type StructuralSchema, structured } from './structural-schema.ts';

type Version = CustomResourceDefinition['spec']['versions'][number] & {
  selectableFields?: { jsonPath: string }[];
};

const load = createRequire(import.meta.url);

/** `kubectl get` shows this when a version defines no columns. */
const DEFAULT_COLUMNS: readonly PrinterColumn[] = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The kinds of a definition's served versions. Throws when a schema cannot be used. */
export function customKinds(crd: CustomResourceDefinition): Kind[] {
  return crd.spec.versions.filter(({ served }) => served).map((version) => customKind(crd, version));
}

function customKind(crd: CustomResourceDefinition, version: Version): Kind {
  const { group, names, scope } = crd.spec;
  const type: ResourceType = {
    group,
    version: version.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    namespaced: scope === 'Namespaced',
  };
  const schema = (version.schema?.openAPIV3Schema ?? { type: 'object' }) as StructuralSchema;
  // Metadata has rules of its own, whatever a definition says about it.
  const { metadata: _own, apiVersion: _version, kind: _kind, ...properties } = schema.properties ?? {};
  const content: StructuralSchema = { ...schema, properties };
  // TypeBox takes 50 ms to load, which a command that defines no kinds does not pay.
  const { Compile } = load('typebox/schema') as typeof import('typebox/schema');
  const validator = Compile(jsonSchemaOf(content) as Parameters<typeof Compile>[0]);
  const immutable = immutablePaths(content);
  return {
    type,
    custom: true,
    subresources: version.subresources?.status === undefined ? [] : ['status'],
    schema: schema as Readonly<Record<string, unknown>>,
    printerColumns: (version.additionalPrinterColumns as PrinterColumn[] | undefined) ?? DEFAULT_COLUMNS,
    selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
    categories: names.categories ?? [],
    prepare: (object, current) => prepared(object, current, type, content),
    validate: (object) => {
      const { apiVersion: _given, kind: _named, metadata: _data, ...rest } = object;
      const problems = metadataProblems(object);
      if (validator.Check(rest)) return problems;
      const [, errors] = validator.Errors(rest);
      return [...problems, ...schemaProblems(rest, errors)];
    },
    validateUpdate: (next, current) => immutable.flatMap((path) => immutableProblem(next, current, path)),
  };
}

function prepared(object: KubeObject, current: KubeObject | undefined, type: ResourceType, schema: StructuralSchema) {
  const { apiVersion: _given, kind: _named, metadata, ...rest } = object;
  const unknownFields: string[] = [];
  const content = structured(rest, schema, '', unknownFields, current) as object;
  const whole: KubeObject = { apiVersion: apiVersionOf(type), kind: type.kind, metadata, ...content };
  return { object: whole, unknownFields };
}

function immutableProblem(next: KubeObject, current: KubeObject, path: readonly string[]): FieldProblem[] {
  const at = (object: KubeObject): unknown =>
    path.reduce<unknown>((part, step) => (part as Record<string, unknown> | undefined)?.[step], object);
  // Equal parts are shared, so identity tells.
  if (at(next) === at(current) || at(current) === undefined) return [];
  return [invalidValue(path.join('.'), at(next), 'failed rule: self == oldSelf')];
}
