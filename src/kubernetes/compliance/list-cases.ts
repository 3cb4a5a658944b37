import assert from 'node:assert/strict';
import { CONFIG_MAPS, type KubeObject, PODS } from '../../model/index.ts';
import type { ComplianceCases, Scene } from './scene.ts';

function names(list: { items: KubeObject[] }): string[] {
  return list.items.map(({ metadata }) => metadata.name);
}

/** Objects of the test: servers may have put some into the namespace themselves. */
const OURS = 'compliance=yes';

async function fill(scene: Scene, ...wanted: string[]): Promise<void> {
  for (const name of wanted) await scene.createConfigMap(name, { labels: { compliance: 'yes', name } });
}

/** Lists, pages, selectors. */
export const listCases: ComplianceCases = {
  'a list has the objects of the namespace in order of their names, and a version': async (scene) => {
    await fill(scene, 'b', 'c', 'a');
    const list = await scene.store.list(CONFIG_MAPS, { namespace: scene.namespace, labelSelector: OURS });
    assert.deepEqual(names(list), ['a', 'b', 'c']);
    assert.match(list.resourceVersion, /^[1-9][0-9]*$/);
    for (const item of list.items) {
      assert.deepEqual([item.apiVersion, item.kind], ['v1', 'ConfigMap']);
      assert.deepEqual(await scene.store.get(CONFIG_MAPS, item.metadata), item);
    }
  },

  'without a namespace a list has the objects of all of them': async (scene) => {
    await fill(scene, 'everywhere');
    const list = await scene.store.list(CONFIG_MAPS, { labelSelector: 'name=everywhere' });
    assert.ok(list.items.some(({ metadata }) => metadata.namespace === scene.namespace));
  },

  'pages of a list are of one moment, whatever is written between them': async (scene) => {
    await fill(scene, 'a', 'b', 'c', 'd', 'e');
    const options = { namespace: scene.namespace, labelSelector: OURS, limit: 2 };
    const first = await scene.store.list(CONFIG_MAPS, options);
    assert.deepEqual(names(first), ['a', 'b']);
    await scene.store.delete(CONFIG_MAPS, scene.key('c'));
    await scene.store.patch(CONFIG_MAPS, scene.key('d'), { data: { key: 'later' } });
    await fill(scene, 'bb', 'f');
    const second = await scene.store.list(CONFIG_MAPS, { ...options, continue: first.continue ?? '' });
    assert.deepEqual(names(second), ['c', 'd']);
    assert.equal(second.items[1]?.data?.key, 'value');
    const third = await scene.store.list(CONFIG_MAPS, { ...options, continue: second.continue ?? '' });
    assert.deepEqual(names(third), ['e']);
    assert.equal(third.continue, undefined);
    assert.deepEqual([second.resourceVersion, third.resourceVersion], [first.resourceVersion, first.resourceVersion]);
  },

  'a continue token that is none is refused': async (scene) => {
    const options = { namespace: scene.namespace, limit: 1, continue: 'nonsense' };
    await scene.refuses('BadRequest', scene.store.list(CONFIG_MAPS, options));
  },

  'label selectors choose by equality, sets and presence': async (scene) => {
    await scene.createConfigMap('web', { labels: { app: 'web', tier: 'front' } });
    await scene.createConfigMap('db', { labels: { app: 'db' } });
    const select = async (labelSelector: string): Promise<string[]> =>
      names(await scene.store.list(CONFIG_MAPS, { namespace: scene.namespace, labelSelector }));
    assert.deepEqual(await select('app=web'), ['web']);
    assert.deepEqual(await select('app,app!=web'), ['db']);
    assert.deepEqual(await select('app in (web, db)'), ['db', 'web']);
    assert.deepEqual(await select('app,!tier'), ['db']);
    await scene.refuses('BadRequest', select('app in web'));
  },

  'field selectors choose by the fields the kind offers': async (scene) => {
    await scene.createPod('free');
    await scene.createBoundPod('bound');
    const select = async (fieldSelector: string): Promise<string[]> =>
      names(await scene.store.list(PODS, { namespace: scene.namespace, fieldSelector }));
    assert.deepEqual(await select('spec.nodeName=compliance-node'), ['bound']);
    assert.deepEqual(await select('spec.nodeName='), ['free']);
    assert.deepEqual(await select('metadata.name!=free,status.phase=Pending'), ['bound']);
    const refusal = await scene.refuses('BadRequest', select('spec.containers=x'));
    assert.match(refusal.message, /field label not supported/);
  },
};
