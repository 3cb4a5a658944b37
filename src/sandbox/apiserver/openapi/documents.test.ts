import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../../clock/index.ts';
import { MemoryBacking, Registry } from '../../../kubernetes/index.ts';
import { ProtobufReader } from '../protobuf/protobuf-reader.ts';
import { documentPaths, openApiV2, openApiV3 } from './documents.ts';
import { encodeOpenApiV2 } from './openapi-protobuf.ts';
import type { OpenApiSchema } from './openapi-schema.ts';

let registry: Registry;
before(() => {
  registry = new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) });
});
after(() => registry.close());

interface Document3 {
  paths: Record<string, Record<string, Record<string, unknown>>>;
  components: { schemas: Record<string, OpenApiSchema> };
}

function* schemasIn(schema: OpenApiSchema): Generator<OpenApiSchema> {
  yield schema;
  const { properties = {}, items, additionalProperties, allOf = [], oneOf = [] } = schema;
  const below = [...Object.values(properties), ...allOf, ...oneOf];
  if (items !== undefined) below.push(items);
  if (typeof additionalProperties === 'object') below.push(additionalProperties);
  for (const one of below) yield* schemasIn(one);
}

test('every reference points to a definition, every type is one type, every array says of what', () => {
  const documents: [string, Record<string, OpenApiSchema>][] = [['#/definitions/', openApiV2(registry).definitions]];
  for (const groupVersion of documentPaths(registry).values()) {
    const document = openApiV3(registry, groupVersion) as Document3;
    documents.push(['#/components/schemas/', document.components.schemas]);
  }
  for (const [prefix, definitions] of documents) {
    for (const [name, definition] of Object.entries(definitions)) {
      for (const schema of schemasIn(definition)) {
        if (schema.$ref !== undefined)
          assert.ok(definitions[schema.$ref.slice(prefix.length)], `${name}: ${schema.$ref}`);
        if (schema.type !== undefined) assert.equal(typeof schema.type, 'string', name);
        if (schema.type === 'array') assert.ok(schema.items, name);
      }
    }
  }
});

test('a pod has its parts as named types with the merge keys of Kubernetes', () => {
  const { definitions } = openApiV2(registry);
  const spec = definitions['io.k8s.api.core.v1.PodSpec'];
  const containers = spec?.properties?.containers;
  assert.equal(containers?.items?.$ref, '#/definitions/io.k8s.api.core.v1.Container');
  assert.equal(containers?.['x-kubernetes-patch-merge-key'], 'name');
  assert.equal(spec?.properties?.volumes?.['x-kubernetes-patch-strategy'], 'merge,retainKeys');
  assert.deepEqual(spec?.required, ['containers']);
  const metadata = definitions['io.k8s.api.core.v1.Pod']?.properties?.metadata;
  assert.equal(metadata?.$ref, '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
});

test('each kind can be patched with dryRun and fieldValidation, as kubectl looks it up', () => {
  for (const { type } of registry.kinds.list()) {
    const groupVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
    const { paths } = openApiV3(registry, groupVersion) as Document3;
    const patch = Object.values(paths).find(({ patch: one }) => {
      const kind = one?.['x-kubernetes-group-version-kind'] as { kind: string } | undefined;
      return kind?.kind === type.kind;
    })?.patch;
    assert.ok(patch, type.kind);
    const names = (patch.parameters as { name: string }[]).map(({ name }) => name);
    assert.ok(names.includes('fieldValidation') && names.includes('dryRun'), type.kind);
  }
});

test('the protobuf form has every definition and path of the JSON form', () => {
  const document = openApiV2(registry);
  const found: Record<number, number> = {};
  const fieldsOf = (bytes: Buffer) => [...new ProtobufReader(bytes).fields()];
  for (const { number, value } of fieldsOf(encodeOpenApiV2(document))) {
    if (Buffer.isBuffer(value)) found[number] = number === 1 ? value.length : fieldsOf(value).length;
  }
  assert.deepEqual(found, {
    1: '2.0'.length,
    2: 2,
    8: Object.keys(document.paths).length,
    9: Object.keys(document.definitions).length,
  });
});
