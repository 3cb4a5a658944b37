import assert from 'node:assert/strict';
import { CONFIG_MAPS, type ConfigMap, LEASES, PODS, PRIORITY_CLASSES } from '../../model/index.ts';
import type { ComplianceCases } from './scene.ts';

/** Get, create, replace and patch. */
export const objectCases: ComplianceCases = {
  'a created object comes back with identity and version, and can be read': async (scene) => {
    const created = await scene.createConfigMap('a', { data: { x: '1' } });
    assert.equal(created.apiVersion, 'v1');
    assert.equal(created.kind, 'ConfigMap');
    assert.deepEqual(created.data, { x: '1' });
    assert.equal(created.metadata.namespace, scene.namespace);
    assert.match(created.metadata.uid, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.match(created.metadata.resourceVersion, /^[1-9][0-9]*$/);
    assert.match(created.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual(await scene.store.get(CONFIG_MAPS, scene.key('a')), created);
  },

  'generateName makes a new name each time': async (scene) => {
    const metadata = { generateName: 'made-', namespace: scene.namespace };
    const first = await scene.store.create(CONFIG_MAPS, { metadata });
    const second = await scene.store.create(CONFIG_MAPS, { metadata });
    assert.match(first.metadata.name, /^made-[a-z0-9]{5}$/);
    assert.notEqual(first.metadata.name, second.metadata.name);
  },

  'a name can be taken only once': async (scene) => {
    await scene.createConfigMap('a');
    const refusal = await scene.refuses('AlreadyExists', scene.createConfigMap('a'));
    assert.match(refusal.message, /configmaps "a" already exists/);
  },

  'an object that is not there is NotFound, by kind and name': async (scene) => {
    const refusal = await scene.refuses('NotFound', scene.store.get(CONFIG_MAPS, scene.key('none')));
    assert.match(refusal.message, /configmaps "none" not found/);
    await scene.refuses('NotFound', scene.store.patch(CONFIG_MAPS, scene.key('none'), { data: {} }));
    await scene.refuses('NotFound', scene.store.delete(CONFIG_MAPS, scene.key('none')));
  },

  'nothing is created in a namespace that is not there': async (scene) => {
    const metadata = { name: 'a', namespace: `${scene.namespace}-none` };
    const refusal = await scene.refuses('NotFound', scene.store.create(CONFIG_MAPS, { metadata }));
    assert.match(refusal.message, /namespaces ".*-none" not found/);
  },

  'a namespaced object needs a namespace': async (scene) => {
    await scene.refuses(
      ['BadRequest', 'Invalid', 'MethodNotAllowed'],
      scene.store.create(CONFIG_MAPS, { metadata: { name: 'a' } }),
    );
  },

  'a name that is none is Invalid, and the message names the field': async (scene) => {
    const refusal = await scene.refuses('Invalid', scene.createConfigMap('Not_A_Name'));
    assert.match(refusal.message, /metadata\.name/);
  },

  'unknown fields are not stored': async (scene) => {
    const draft = { nonsense: true } as Partial<ConfigMap>;
    const created = await scene.createConfigMap('a', draft);
    assert.equal('nonsense' in created, false);
  },

  'objects of a cluster-wide kind have no namespace': async (scene) => {
    const name = `${scene.namespace}-class`;
    const created = await scene.store.create(PRIORITY_CLASSES, { metadata: { name }, value: 7 });
    assert.equal(created.metadata.namespace, undefined);
    assert.equal((await scene.store.get(PRIORITY_CLASSES, { name })).value, 7);
    await scene.store.delete(PRIORITY_CLASSES, { name });
    await scene.isGone(PRIORITY_CLASSES, { name });
  },

  'kinds of named groups work like those of the core': async (scene) => {
    const metadata = { name: 'a', namespace: scene.namespace };
    const created = await scene.store.create(LEASES, { metadata, spec: { holderIdentity: 'me' } });
    assert.equal(created.apiVersion, 'coordination.k8s.io/v1');
    const patched = await scene.store.patch(LEASES, scene.key('a'), { spec: { holderIdentity: 'you' } });
    assert.equal(patched.spec?.holderIdentity, 'you');
  },

  'replace stores the whole object under a new version': async (scene) => {
    const created = await scene.createConfigMap('a', { data: { x: '1', y: '1' } });
    const replaced = await scene.store.replace(CONFIG_MAPS, { ...created, data: { x: '2' } });
    assert.deepEqual(replaced.data, { x: '2' });
    assert.equal(replaced.metadata.uid, created.metadata.uid);
    assert.equal(replaced.metadata.creationTimestamp, created.metadata.creationTimestamp);
    assert.notEqual(replaced.metadata.resourceVersion, created.metadata.resourceVersion);
    assert.deepEqual(await scene.store.get(CONFIG_MAPS, scene.key('a')), replaced);
  },

  'a replace that was made from an old version is a Conflict and changes nothing': async (scene) => {
    const old = await scene.createConfigMap('a', { data: { x: '1' } });
    const current = await scene.store.replace(CONFIG_MAPS, { ...old, data: { x: '2' } });
    const refusal = await scene.refuses('Conflict', scene.store.replace(CONFIG_MAPS, { ...old, data: { x: '3' } }));
    assert.match(refusal.message, /the object has been modified; please apply your changes to the latest version/);
    assert.deepEqual(await scene.store.get(CONFIG_MAPS, scene.key('a')), current);
  },

  'a replace under the UID of another object is a Conflict': async (scene) => {
    const created = await scene.createConfigMap('a');
    const { resourceVersion: _any, ...metadata } = created.metadata;
    const other = { ...metadata, uid: '00000000-0000-4000-8000-000000000000' } as ConfigMap['metadata'];
    await scene.refuses(['Conflict', 'Invalid'], scene.store.replace(CONFIG_MAPS, { ...created, metadata: other }));
  },

  'a write that changes nothing makes no new version': async (scene) => {
    const created = await scene.createConfigMap('a', { data: { x: '1' } });
    const replaced = await scene.store.replace(CONFIG_MAPS, { ...created, data: { x: '1' } });
    const patched = await scene.store.patch(CONFIG_MAPS, scene.key('a'), { data: { x: '1' } });
    assert.equal(replaced.metadata.resourceVersion, created.metadata.resourceVersion);
    assert.equal(patched.metadata.resourceVersion, created.metadata.resourceVersion);
  },

  'of writers that race with the same version one wins': async (scene) => {
    const created = await scene.createConfigMap('a');
    const outcomes = await Promise.allSettled(
      ['1', '2', '3', '4'].map((x) => scene.store.replace(CONFIG_MAPS, { ...created, data: { x } })),
    );
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  },

  'a merge patch merges maps, replaces values and removes with null': async (scene) => {
    await scene.createConfigMap('a', { data: { keep: '1', change: '1', remove: '1' }, labels: { l: 'x' } });
    const patched = await scene.store.patch(CONFIG_MAPS, scene.key('a'), {
      metadata: { annotations: { note: 'n' } },
      data: { change: '2', remove: null, add: '2' },
    });
    assert.deepEqual(patched.data, { keep: '1', change: '2', add: '2' });
    assert.deepEqual(patched.metadata.labels, { l: 'x' });
    assert.deepEqual(patched.metadata.annotations, { note: 'n' });
  },

  'a patch that carries a version or UID holds only for that': async (scene) => {
    const { metadata } = await scene.createConfigMap('a');
    const other = '00000000-0000-4000-8000-000000000000';
    const key = scene.key('a');
    await scene.refuses(
      'Conflict',
      scene.store.patch(CONFIG_MAPS, key, { metadata: { uid: other }, data: { x: '1' } }),
    );
    const { resourceVersion, uid } = metadata;
    const patched = await scene.store.patch(CONFIG_MAPS, key, { metadata: { resourceVersion, uid }, data: { x: '2' } });
    assert.equal(patched.data?.x, '2');
    await scene.refuses(
      'Conflict',
      scene.store.patch(CONFIG_MAPS, key, { metadata: { resourceVersion }, data: { x: '3' } }),
    );
    assert.equal((await scene.store.get(CONFIG_MAPS, key)).data?.x, '2');
  },

  'a patch cannot give an object another name': async (scene) => {
    await scene.createConfigMap('a');
    await scene.refuses(
      ['Invalid', 'BadRequest'],
      scene.store.patch(CONFIG_MAPS, scene.key('a'), { metadata: { name: 'b' } }),
    );
  },

  'status is written only through its subresource, and the rest only without it': async (scene) => {
    await scene.createPod('p', {}, { labels: { l: '1' } });
    const key = scene.key('p');
    const plain = await scene.store.patch(PODS, key, { metadata: { labels: { l: '2' } }, status: { message: 'no' } });
    assert.equal(plain.metadata.labels?.l, '2');
    assert.equal(plain.status?.message, undefined);
    const status = await scene.store.patch(
      PODS,
      key,
      { spec: { activeDeadlineSeconds: 5 }, status: { message: 'yes' } },
      { subresource: 'status' },
    );
    assert.equal(status.status?.message, 'yes');
    assert.equal(status.spec.activeDeadlineSeconds, undefined);
    const replaced = await scene.store.replace(
      PODS,
      { ...status, status: { ...status.status, message: 'again' } },
      { subresource: 'status' },
    );
    assert.equal(replaced.status?.message, 'again');
    await scene.refuses('Conflict', scene.store.replace(PODS, status, { subresource: 'status' }));
  },

  'a call that was aborted before it began rejects with the reason of the abort': async (scene) => {
    const reason = new Error('given up');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(scene.store.get(CONFIG_MAPS, scene.key('a'), { signal }), reason);
    await assert.rejects(scene.store.list(CONFIG_MAPS, { signal }), reason);
    const metadata = { name: 'a', namespace: scene.namespace };
    await assert.rejects(scene.store.create(CONFIG_MAPS, { metadata }, { signal }), reason);
    await scene.isGone(CONFIG_MAPS, scene.key('a'));
  },
};
