import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITIONS, kindOf, type Validation, validateObject } from '../model/index.ts';
import { customResourceDefinitions } from './crd.ts';

type Schema = {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: unknown;
  [keyword: string]: unknown;
};

function rootOf(name: string): Schema {
  const [version] = customResourceDefinitions().find(({ metadata }) => metadata.name === name)?.spec.versions ?? [];
  return version?.schema?.openAPIV3Schema as Schema;
}

function everySchema(schema: Schema, path: string): [string, Schema][] {
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, child]) => everySchema(child, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : everySchema(schema.items, `${path}[]`)),
  ];
}

const ALLOWED = new Set([
  'type',
  'description',
  'default',
  'enum',
  'format',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'items',
  'properties',
  'required',
  'additionalProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
]);

describe('the manifests of Fermata’s own kinds', () => {
  test('are valid CustomResourceDefinitions, without a field that one does not have', () => {
    const kind = kindOf(CUSTOM_RESOURCE_DEFINITIONS);
    assert.ok(kind);
    for (const manifest of customResourceDefinitions({ selectableFields: true })) {
      const found: Validation<object> = validateObject(kind, manifest, { unknownFields: 'Strict' });
      assert.deepEqual(found.errors, []);
    }
  });

  test('have structural schemas: a type everywhere, and no keyword outside of them', () => {
    for (const name of ['podcheckpoints.fermata.dev', 'interruptionpolicies.fermata.dev']) {
      for (const [path, schema] of everySchema(rootOf(name), name)) {
        assert.equal(typeof schema.type, 'string', path);
        assert.notEqual(schema.additionalProperties, false, path);
        for (const keyword of Object.keys(schema)) assert.ok(ALLOWED.has(keyword), `${path} has ${keyword}`);
      }
    }
  });

  test('keep the template of a pod as it is, and the spec of a checkpoint immutable', () => {
    const root = rootOf('podcheckpoints.fermata.dev');
    const template = root.properties?.status?.properties?.checkpointedPodTemplate;
    assert.equal(template?.properties?.spec?.['x-kubernetes-preserve-unknown-fields'], true);
    assert.deepEqual(root.properties?.spec?.['x-kubernetes-validations'], [
      { rule: 'self == oldSelf', message: 'spec is immutable: make another PodCheckpoint instead' },
    ]);
    assert.deepEqual(root.properties?.spec?.properties?.restore?.enum, ['Automatic', 'Manual', 'Never']);
  });

  test('say which fields can be selected by only when asked to', () => {
    const [plain] = customResourceDefinitions();
    const [selecting] = customResourceDefinitions({ selectableFields: true });
    assert.ok(!JSON.stringify(plain).includes('selectableFields'));
    assert.ok(JSON.stringify(selecting).includes('{"jsonPath":".spec.sourcePod.name"}'));
  });
});
