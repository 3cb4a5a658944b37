import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../src/clock/index.ts';
import { InterruptionController } from '../../src/controllers/index.ts';
import { customResourceDefinitions, EventRecorder, MemoryBacking, Registry } from '../../src/kubernetes/index.ts';
import { NAMESPACES, NODES, POD_CHECKPOINTS, PODS, SILENT_LOG } from '../../src/model/index.ts';
import { narrowings, type Schema } from './narrowings.ts';

const FOLDER = import.meta.dirname;
/** Name of the definition → version → its schema, as released. Only ever added to. */
const RELEASED = read('released-schemas.json') as Record<string, Record<string, Schema>>;

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

for (const [name, versions] of Object.entries(RELEASED)) {
  for (const [version, before] of Object.entries(versions)) {
    test(`every ${version} of ${name} that a release has written is valid, and keeps all of its fields`, () => {
      const now = customResourceDefinitions().find(({ metadata }) => metadata.name === name);
      const after = now?.spec.versions.find((each) => each.name === version);
      assert.ok(after?.served === true, 'the version is still served');
      assert.deepEqual(narrowings(before, after.schema?.openAPIV3Schema as Schema), []);
    });
  }
}

const OBJECT: Schema = {
  type: 'object',
  properties: { a: { type: 'string', enum: ['x', 'y'] }, b: { type: 'integer' } },
};
const NARROWER: Record<string, [Schema, RegExp]> = {
  'a field that is gone': [{ type: 'object', properties: { b: { type: 'integer' } } }, /a is gone/],
  'one that became required': [{ ...OBJECT, required: ['a'] }, /a became required/],
  'a value less': [
    { ...OBJECT, properties: { ...OBJECT.properties, a: { type: 'string', enum: ['x'] } } },
    /fewer values/,
  ],
  'another type': [
    { ...OBJECT, properties: { ...OBJECT.properties, b: { type: 'string' } } },
    /type integer became string/,
  ],
  'a smaller range': [
    { ...OBJECT, properties: { ...OBJECT.properties, b: { type: 'integer', maximum: 9 } } },
    /maximum/,
  ],
  'a new rule': [{ ...OBJECT, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] }, /rule self/],
};
for (const [sentence, [after, message]] of Object.entries(NARROWER)) {
  test(`what an upgrade must not do is noticed: ${sentence}`, () => {
    assert.match(narrowings(OBJECT, after).join(), message);
    assert.deepEqual(narrowings(OBJECT, OBJECT), []);
  });
}

test('a workload that a release suspended goes on under this one, as the next incarnation of the same place', async () => {
  const clock = new VirtualClock(Date.parse('2026-11-22T12:00:00Z'));
  const parts = { clock, random: seededRandom(1), log: SILENT_LOG };
  const store = new Registry({ ...parts, backing: new MemoryBacking() });
  const { namespace, podCheckpoint } = read('released-objects.json') as {
    namespace: string;
    podCheckpoint: { metadata: { name: string }; spec: never; status: never };
  };
  await store.create(NAMESPACES, { metadata: { name: namespace } });
  await store.create(NODES, { metadata: { name: 'n1' } });
  const { metadata, spec, status } = podCheckpoint;
  const key = { namespace, name: metadata.name };
  await store.create(POD_CHECKPOINTS, { metadata: { ...metadata, namespace }, spec });
  await store.patch(POD_CHECKPOINTS, key, { status }, { subresource: 'status' });
  const events = new EventRecorder({ ...parts, store }, { component: 'test' });
  const controller = new InterruptionController({ ...parts, store, events });
  controller.start();
  try {
    await clock.advance(10_000);
    const pod = await store.get(PODS, { namespace, name: 'long-computation' });
    const { annotations = {} } = pod.metadata;
    assert.equal(annotations['fermata.dev/restore-from'], metadata.name);
    assert.equal(annotations['fermata.dev/first-enqueued'], '2026-11-21T08:00:00Z', 'its place in the queue');
    assert.equal(annotations['fermata.dev/ran-seconds'], '7200');
    assert.equal(
      pod.spec.containers[0]?.image,
      '127.0.0.1:10270/fermata/11111111-2222-4333-8444-555555555555/main:checkpoint',
    );
    const after = await store.get(POD_CHECKPOINTS, key);
    assert.deepEqual(after.status?.checkpointLocation, (status as { checkpointLocation: object }).checkpointLocation);
  } finally {
    await controller.stop();
  }
});
