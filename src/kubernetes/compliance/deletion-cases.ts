import assert from 'node:assert/strict';
import { CONFIG_MAPS, NAMESPACES } from '../../model/index.ts';
import type { ComplianceCases } from './scene.ts';

const FINALIZER = 'fermata.dev/compliance';
const OTHER_UID = '00000000-0000-4000-8000-000000000000';

/** Delete, finalizers, owners, namespaces. */
export const deletionCases: ComplianceCases = {
  'a deleted object is gone, and its name is free for another one': async (scene) => {
    const first = await scene.createConfigMap('a');
    const deleted = await scene.store.delete(CONFIG_MAPS, scene.key('a'));
    assert.equal(deleted.metadata.name, 'a');
    await scene.isGone(CONFIG_MAPS, scene.key('a'));
    const second = await scene.createConfigMap('a');
    assert.notEqual(second.metadata.uid, first.metadata.uid);
  },

  'a delete with a UID or version deletes only that object': async (scene) => {
    const { metadata } = await scene.createConfigMap('a');
    const key = scene.key('a');
    await scene.refuses('Conflict', scene.store.delete(CONFIG_MAPS, key, { uid: OTHER_UID }));
    await scene.store.patch(CONFIG_MAPS, key, { data: { x: '2' } });
    const { resourceVersion, uid } = metadata;
    await scene.refuses('Conflict', scene.store.delete(CONFIG_MAPS, key, { resourceVersion }));
    await scene.store.delete(CONFIG_MAPS, key, { uid });
    await scene.isGone(CONFIG_MAPS, key);
  },

  'an object with finalizers stays, marked, until the last one is taken away': async (scene) => {
    const metadata = { name: 'a', namespace: scene.namespace, finalizers: [FINALIZER, `${FINALIZER}-2`] };
    await scene.store.create(CONFIG_MAPS, { metadata });
    const key = scene.key('a');
    const marked = await scene.store.delete(CONFIG_MAPS, key);
    assert.notEqual(marked.metadata.deletionTimestamp, undefined);
    const again = await scene.store.delete(CONFIG_MAPS, key);
    assert.equal(again.metadata.deletionTimestamp, marked.metadata.deletionTimestamp);
    await scene.refuses(
      'Invalid',
      scene.store.patch(CONFIG_MAPS, key, { metadata: { finalizers: [FINALIZER, 'fermata.dev/new'] } }),
    );
    await scene.store.patch(CONFIG_MAPS, key, { metadata: { finalizers: [FINALIZER] } });
    assert.equal(await scene.exists(CONFIG_MAPS, key), true);
    await scene.store.patch(CONFIG_MAPS, key, { metadata: { finalizers: null } });
    await scene.isGone(CONFIG_MAPS, key);
  },

  'the mark of a deletion cannot be taken back': async (scene) => {
    const metadata = { name: 'a', namespace: scene.namespace, finalizers: [FINALIZER] };
    await scene.store.create(CONFIG_MAPS, { metadata });
    const key = scene.key('a');
    await scene.store.delete(CONFIG_MAPS, key);
    const patched = await scene.store.patch(CONFIG_MAPS, key, {
      metadata: { deletionTimestamp: null, annotations: { x: '1' } },
    });
    assert.notEqual(patched.metadata.deletionTimestamp, undefined);
    await scene.store.patch(CONFIG_MAPS, key, { metadata: { finalizers: null } });
  },

  'an object goes when its last owner is gone': async (scene) => {
    const owners = [await scene.createConfigMap('one'), await scene.createConfigMap('two')];
    const ownerReferences = owners.map(({ metadata: { name, uid } }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name,
      uid,
    }));
    await scene.store.create(CONFIG_MAPS, { metadata: { name: 'owned', namespace: scene.namespace, ownerReferences } });
    await scene.store.delete(CONFIG_MAPS, scene.key('one'));
    assert.equal(await scene.exists(CONFIG_MAPS, scene.key('owned')), true);
    await scene.store.delete(CONFIG_MAPS, scene.key('two'));
    const gone = async (): Promise<boolean> => !(await scene.exists(CONFIG_MAPS, scene.key('owned')));
    await scene.eventually('the dependent is gone', gone);
  },

  'a deleted namespace takes its content with it, and takes in nothing new': async (scene) => {
    const { name } = (await scene.store.create(NAMESPACES, { metadata: { generateName: 'compliance-' } })).metadata;
    const metadata = { name: 'held', namespace: name, finalizers: [FINALIZER] };
    await scene.store.create(CONFIG_MAPS, { metadata });
    await scene.store.create(CONFIG_MAPS, { metadata: { name: 'free', namespace: name } });
    const going = await scene.store.delete(NAMESPACES, { name });
    assert.notEqual(going.metadata.deletionTimestamp, undefined);
    assert.equal(going.status?.phase, 'Terminating');
    const late = { metadata: { name: 'late', namespace: name } };
    const refusal = await scene.refuses('Forbidden', scene.store.create(CONFIG_MAPS, late));
    assert.match(refusal.message, /because it is being terminated/);
    await scene.eventually('what nothing holds is gone', async () => {
      return !(await scene.exists(CONFIG_MAPS, { namespace: name, name: 'free' }));
    });
    assert.equal(await scene.exists(NAMESPACES, { name }), true);
    await scene.eventually('what a finalizer holds is marked', async () => {
      const held = await scene.store.get(CONFIG_MAPS, { namespace: name, name: 'held' });
      return held.metadata.deletionTimestamp !== undefined;
    });
    await scene.store.patch(CONFIG_MAPS, { namespace: name, name: 'held' }, { metadata: { finalizers: null } });
    await scene.eventually('the namespace is gone', async () => !(await scene.exists(NAMESPACES, { name })));
  },
};
