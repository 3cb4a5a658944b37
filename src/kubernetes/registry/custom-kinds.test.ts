import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  type Draft,
  isConditionTrue,
  type KubeObject,
  type ResourceType,
} from '../../model/index.ts';
import { type ApiReason, isApiError } from '../index.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

type Version = CustomResourceDefinition['spec']['versions'][number];
type JSONSchema = NonNullable<NonNullable<Version['schema']>['openAPIV3Schema']>;

interface Widget extends KubeObject {
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}

const WIDGETS: ResourceType<Widget> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  shortNames: ['wd'],
  namespaced: true,
};
const NAMESPACE = 'default';
const key = (name: string) => ({ namespace: NAMESPACE, name });

function definition(
  changes: { plural?: string; kind?: string; shortNames?: string[] } = {},
): Draft<CustomResourceDefinition> {
  const { plural = 'widgets', kind = 'Widget', shortNames = ['wd'] } = changes;
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        required: ['size'],
        properties: {
          size: { type: 'integer', minimum: 1, maximum: 9 },
          color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
          fixed: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
          port: { 'x-kubernetes-int-or-string': true },
          note: { type: 'string', nullable: true },
          parts: {
            type: 'array',
            items: {
              type: 'object',
              properties: { name: { type: 'string' }, count: { type: 'integer', default: 1 } },
            },
          },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          map: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
      status: { type: 'object', properties: { phase: { type: 'string' } } },
    },
  };
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    schema: { openAPIV3Schema: schema as JSONSchema },
    subresources: { status: {} },
    selectableFields: [{ jsonPath: '.spec.color' }],
  });
  return {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind, shortNames },
      versions: [version('v1', true), version('v1beta1', false)],
    },
  };
}

function cluster(backing = new MemoryBacking()): Registry {
  return new Registry({ backing, clock: new VirtualClock(), random: seededRandom(1) });
}

async function withWidgets(): Promise<Registry> {
  const registry = cluster();
  await registry.create(CUSTOM_RESOURCE_DEFINITIONS, definition());
  return registry;
}

function widget(registry: Registry, name: string, spec: Record<string, unknown>): Promise<Widget> {
  return registry.create(WIDGETS, { metadata: key(name), spec });
}

async function refused(reason: ApiReason, call: Promise<unknown>, message?: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(isApiError(error, reason), String(error));
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

test('a definition is established, and its kind served, as soon as it is written', async () => {
  const registry = cluster();
  await refused('NotFound', registry.list(WIDGETS), /could not find the requested resource/);
  let changes = 0;
  registry.kinds.onChange(() => changes++);
  await registry.create(CUSTOM_RESOURCE_DEFINITIONS, definition());
  const { status } = await registry.get(CUSTOM_RESOURCE_DEFINITIONS, { name: 'widgets.example.com' });
  assert.equal(isConditionTrue(status?.conditions as never, 'Established'), true);
  assert.deepEqual(status?.storedVersions, ['v1']);
  assert.equal(changes, 1);
  assert.deepEqual(registry.kinds.of(WIDGETS)?.subresources, ['status']);
  assert.equal((await registry.list(WIDGETS)).items.length, 0);
});

test('objects get defaults, lose what the schema does not know, and keep what it leaves open', async () => {
  const registry = await withWidgets();
  const spec = {
    size: 3,
    junk: 1,
    note: null,
    parts: [{ name: 'a', junk: 2 }],
    free: { any: { thing: 1 } },
    map: { k: 'v' },
  };
  const warnings: string[] = [];
  const created = await registry.create(WIDGETS, { metadata: key('w'), spec }, { warn: (text) => warnings.push(text) });
  assert.deepEqual(created.spec, {
    size: 3,
    color: 'red',
    note: null,
    parts: [{ name: 'a', count: 1 }],
    free: { any: { thing: 1 } },
    map: { k: 'v' },
  });
  assert.deepEqual(warnings, ['unknown field "spec.junk"', 'unknown field "spec.parts[0].junk"']);
  await refused(
    'BadRequest',
    registry.create(WIDGETS, { metadata: key('x'), spec }, { fieldValidation: 'Strict' }),
    /unknown field "spec\.junk", unknown field "spec\.parts\[0\]\.junk"/,
  );
});

const INVALID: Record<string, { spec: Record<string, unknown>; message: RegExp }> = {
  'a missing field': { spec: {}, message: /^Widget\.example\.com "w" is invalid: spec\.size: Required value$/ },
  'a number out of range': {
    spec: { size: 10 },
    message: /spec\.size: Invalid value: 10: spec\.size in body should be <= 9/,
  },
  'a wrong type': {
    spec: { size: 'big' },
    message: /spec\.size: Invalid value: "string": spec\.size in body must be of type integer/,
  },
  'a value that is not listed': {
    spec: { size: 1, color: 'green' },
    message: /spec\.color: Unsupported value: "green": supported values: "red", "blue"/,
  },
  'a wrong type deep inside': {
    spec: { size: 1, parts: [{ name: 5 }] },
    message: /spec\.parts\[0\]\.name: Invalid value/,
  },
  'neither number nor text': { spec: { size: 1, port: true }, message: /spec\.port: Invalid value/ },
};

for (const [what, { spec, message }] of Object.entries(INVALID)) {
  test(`${what} is refused with the path of the field`, async () => {
    await refused('Invalid', widget(await withWidgets(), 'w', spec), message);
  });
}

test('a field that must not change cannot be changed', async () => {
  const registry = await withWidgets();
  await widget(registry, 'w', { size: 1, fixed: 'once' });
  await refused(
    'Invalid',
    registry.patch(WIDGETS, key('w'), { spec: { fixed: 'twice' } }),
    /spec\.fixed.*self == oldSelf/,
  );
});

test('status and generation work as for built-in kinds', async () => {
  const registry = await withWidgets();
  const created = await registry.create(WIDGETS, { metadata: key('w'), spec: { size: 1 }, status: { phase: 'no' } });
  assert.equal(created.status, undefined);
  const patch = { spec: { size: 2 }, status: { phase: 'yes' } };
  const status = await registry.patch(WIDGETS, key('w'), patch, { subresource: 'status' });
  assert.deepEqual([status.spec?.size, status.status?.phase, status.metadata.generation], [1, 'yes', 1]);
  assert.equal((await registry.patch(WIDGETS, key('w'), patch)).metadata.generation, 2);
});

test('objects can be selected by the fields the definition names', async () => {
  const registry = await withWidgets();
  await widget(registry, 'a', { size: 1 });
  await widget(registry, 'b', { size: 1, color: 'blue' });
  const { items } = await registry.list(WIDGETS, { fieldSelector: 'spec.color=blue' });
  assert.deepEqual(
    items.map(({ metadata }) => metadata.name),
    ['b'],
  );
});

test('an object is served in every version, under its name', async () => {
  const registry = await withWidgets();
  await widget(registry, 'w', { size: 1 });
  const old = await registry.get({ ...WIDGETS, version: 'v1beta1' }, key('w'));
  assert.equal(old.apiVersion, 'example.com/v1beta1');
  await registry.replace({ ...WIDGETS, version: 'v1beta1' }, { ...old, spec: { size: 2 } });
  const now = await registry.get(WIDGETS, key('w'));
  assert.deepEqual([now.apiVersion, now.spec?.size], ['example.com/v1', 2]);
});

test('a definition whose names are taken is not established until they are free', async () => {
  const registry = await withWidgets();
  const other = { name: 'gadgets.example.com' };
  await registry.create(CUSTOM_RESOURCE_DEFINITIONS, definition({ plural: 'gadgets', kind: 'Gadget' }));
  const conditions = async () => (await registry.get(CUSTOM_RESOURCE_DEFINITIONS, other)).status?.conditions as never;
  assert.equal(isConditionTrue(await conditions(), 'Established'), false);
  assert.equal(registry.kinds.find('example.com', 'v1', 'gadgets'), undefined);
  await registry.delete(CUSTOM_RESOURCE_DEFINITIONS, { name: 'widgets.example.com' });
  assert.equal(isConditionTrue(await conditions(), 'Established'), true);
});

test('a deleted definition takes its objects with it, and ends the watches of its kind', async () => {
  const registry = await withWidgets();
  await widget(registry, 'free', { size: 1 });
  await registry.create(WIDGETS, { metadata: { ...key('held'), finalizers: ['example.com/hold'] }, spec: { size: 1 } });
  const watch = registry.watch(WIDGETS, { resourceVersion: registry.resourceVersion })[Symbol.asyncIterator]();
  await registry.delete(CUSTOM_RESOURCE_DEFINITIONS, { name: 'widgets.example.com' });
  assert.deepEqual(
    (await registry.list(WIDGETS)).items.map(({ metadata }) => metadata.name),
    ['held'],
  );
  await registry.patch(WIDGETS, key('held'), { metadata: { finalizers: null } });
  await refused('NotFound', registry.get(CUSTOM_RESOURCE_DEFINITIONS, { name: 'widgets.example.com' }));
  await refused('NotFound', registry.list(WIDGETS), /could not find the requested resource/);
  const seen: unknown[] = [];
  for (let next = await watch.next(); !next.done; next = await watch.next()) seen.push(next.value.type);
  assert.equal(seen.at(-1), 'DELETED');
});

test('definitions and their objects come back after a restart', async () => {
  const backing = new MemoryBacking();
  const registry = cluster(backing);
  await registry.create(CUSTOM_RESOURCE_DEFINITIONS, definition());
  await widget(registry, 'w', { size: 4 });
  registry.close();
  const again = cluster(backing);
  assert.equal((await again.get(WIDGETS, key('w'))).spec?.size, 4);
  await refused('Invalid', widget(again, 'x', { size: 44 }));
});

test('a definition that cannot be is refused with the reason', async () => {
  const registry = cluster();
  const wrongName = { ...definition(), metadata: { name: 'wrong.example.com' } };
  await refused('Invalid', registry.create(CUSTOM_RESOURCE_DEFINITIONS, wrongName), /spec\.names\.plural/);
  const { metadata, spec } = definition();
  const twice = {
    metadata,
    spec: { ...spec, versions: spec.versions.map((version) => ({ ...version, storage: true })) },
  };
  await refused('Invalid', registry.create(CUSTOM_RESOURCE_DEFINITIONS, twice), /storage/);
});
