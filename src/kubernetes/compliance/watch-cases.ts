import assert from 'node:assert/strict';
import { CONFIG_MAPS, PODS } from '../../model/index.ts';
import type { ComplianceCases } from './scene.ts';

/** Watches. */
export const watchCases: ComplianceCases = {
  'a watch tells all changes after its version, in order, with rising versions': async (scene) => {
    const { resourceVersion } = await scene.createConfigMap('before').then(({ metadata }) => metadata);
    const watch = scene.watch(CONFIG_MAPS, { resourceVersion, labelSelector: 'w=1' });
    await scene.createConfigMap('a', { labels: { w: '1' } });
    await scene.store.patch(CONFIG_MAPS, scene.key('a'), { data: { x: '1' } });
    await scene.store.delete(CONFIG_MAPS, scene.key('a'));
    await scene.createConfigMap('a', { labels: { w: '1' } });
    const events = [await watch.next(), await watch.next(), await watch.next(), await watch.next()];
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'MODIFIED', 'DELETED', 'ADDED'],
    );
    assert.equal(events[1]?.object.data?.x, '1');
    assert.equal(events[2]?.object.data?.x, '1');
    assert.equal(events[2]?.object.metadata.uid, events[0]?.object.metadata.uid);
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    assert.deepEqual(
      versions,
      [...new Set(versions)].sort((left, right) => left - right),
    );
    assert.ok((versions[0] ?? 0) > Number(resourceVersion));
  },

  'a watch goes on from any version a change was told with': async (scene) => {
    const { metadata } = await scene.createConfigMap('before');
    const first = scene.watch(CONFIG_MAPS, { resourceVersion: metadata.resourceVersion, labelSelector: 'w=1' });
    for (const name of ['a', 'b', 'c']) await scene.createConfigMap(name, { labels: { w: '1' } });
    await scene.store.delete(CONFIG_MAPS, scene.key('a'));
    const seen = await first.next();
    await first.close();
    const { resourceVersion } = seen.object.metadata;
    const second = scene.watch(CONFIG_MAPS, { resourceVersion, labelSelector: 'w=1' });
    assert.deepEqual(await second.take(3), ['ADDED b', 'ADDED c', 'DELETED a']);
  },

  'a watch from the version of a list misses nothing and repeats nothing': async (scene) => {
    await scene.createConfigMap('a', { labels: { w: '1' } });
    const options = { namespace: scene.namespace, labelSelector: 'w=1' };
    const { items, resourceVersion } = await scene.store.list(CONFIG_MAPS, options);
    await scene.createConfigMap('b', { labels: { w: '1' } });
    const watch = scene.watch(CONFIG_MAPS, { ...options, resourceVersion });
    await scene.createConfigMap('c', { labels: { w: '1' } });
    assert.equal(items.length, 1);
    assert.deepEqual(await watch.take(2), ['ADDED b', 'ADDED c']);
  },

  'a watch without a version begins with what is there': async (scene) => {
    await scene.createConfigMap('a', { labels: { w: '1' } });
    await scene.createConfigMap('b', { labels: { w: '1' } });
    for (const resourceVersion of ['', '0']) {
      const watch = scene.watch(CONFIG_MAPS, { resourceVersion, labelSelector: 'w=1' });
      assert.deepEqual((await watch.take(2)).sort(), ['ADDED a', 'ADDED b']);
      await scene.store.patch(CONFIG_MAPS, scene.key('a'), { data: { from: resourceVersion } });
      assert.deepEqual(await watch.take(1), ['MODIFIED a']);
      await watch.close();
    }
  },

  'with a selector, objects come and go as they begin and cease to match': async (scene) => {
    const { metadata } = await scene.createConfigMap('a', { labels: { w: 'no' } });
    const { resourceVersion } = metadata;
    const watch = scene.watch(CONFIG_MAPS, { resourceVersion, labelSelector: 'w=yes' });
    const set = (w: string): Promise<unknown> =>
      scene.store.patch(CONFIG_MAPS, scene.key('a'), { metadata: { labels: { w } } });
    await set('still-no');
    await set('yes');
    await scene.store.patch(CONFIG_MAPS, scene.key('a'), { data: { x: '1' } });
    const last = await set('no');
    await scene.store.delete(CONFIG_MAPS, scene.key('a'));
    assert.deepEqual(await watch.take(2), ['ADDED a', 'MODIFIED a']);
    const gone = await watch.next();
    assert.equal(gone.type, 'DELETED');
    assert.equal(gone.object.metadata.labels?.w, 'yes');
    assert.equal(
      gone.object.metadata.resourceVersion,
      (last as { metadata: { resourceVersion: string } }).metadata.resourceVersion,
    );
  },

  'a field selector follows a pod onto its node': async (scene) => {
    const { metadata } = await scene.createPod('p');
    const { resourceVersion, uid } = metadata;
    const watch = scene.watch(PODS, { resourceVersion, fieldSelector: 'spec.nodeName=compliance-node' });
    await scene.createPod('other');
    await scene.store.bind({ ...scene.key('p'), uid }, 'compliance-node');
    assert.deepEqual(await watch.take(1), ['ADDED p']);
    await scene.store.delete(PODS, scene.key('p'), { gracePeriodSeconds: 0 });
    for (;;) {
      const { type } = await watch.next();
      if (type === 'DELETED') break;
    }
  },

  'several watches see the same changes': async (scene) => {
    const { metadata } = await scene.createConfigMap('before');
    const options = { resourceVersion: metadata.resourceVersion, labelSelector: 'w=1' };
    const watches = [1, 2, 3].map(() => scene.watch(CONFIG_MAPS, options));
    await scene.createConfigMap('a', { labels: { w: '1' } });
    await scene.store.delete(CONFIG_MAPS, scene.key('a'));
    for (const watch of watches) assert.deepEqual(await watch.take(2), ['ADDED a', 'DELETED a']);
  },

  'an aborted watch ends quietly, while it waits and before it begins': async (scene) => {
    const { metadata } = await scene.createConfigMap('before');
    const abort = new AbortController();
    const options = { resourceVersion: metadata.resourceVersion, labelSelector: 'w=1', signal: abort.signal };
    const watch = scene.watch(CONFIG_MAPS, options);
    await scene.createConfigMap('a', { labels: { w: '1' } });
    assert.deepEqual(await watch.take(1), ['ADDED a']);
    const ended = watch.ended();
    abort.abort(new Error('enough'));
    await ended;
    await scene.watch(CONFIG_MAPS, options).ended();
  },

  'a watch with a selector that cannot be is refused': async (scene) => {
    const watch = scene.watch(CONFIG_MAPS, { resourceVersion: '', fieldSelector: 'data.key=x' });
    await scene.refuses('BadRequest', watch.next());
  },
};
