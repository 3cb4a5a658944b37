import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  INTERRUPTION_POLICIES,
  type KubeObject,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type ResourceType,
} from '../../src/model/index.ts';
import { access, define, withNamespace } from './cluster.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;

test('who has no rights can do nothing with checkpoints, groups of them, and policies', async () => {
  await withNamespace(async (store, namespace) => {
    await define(store);
    const alice = new HttpStore({ ...access, impersonation: { 'impersonate-user': 'alice' } });
    const key = { namespace, name: 'somebodys' };
    const spec = { sourcePod: { name: 'p', uid: 'u' }, postCheckpointState: 'Running' };
    try {
      for (const type of [
        POD_CHECKPOINTS,
        POD_GROUP_CHECKPOINTS,
        INTERRUPTION_POLICIES,
      ] as ResourceType<KubeObject>[]) {
        const tries = {
          get: () => alice.get(type, key),
          list: () => alice.list(type, { namespace }),
          'list of all namespaces': () => alice.list(type),
          create: () => alice.create(type, { metadata: key, spec } as never),
          patch: () => alice.patch(type, key, { metadata: { labels: { a: 'b' } } }),
          'patch of the status': () => alice.patch(type, key, { status: {} }, { subresource: 'status' }),
          delete: () => alice.delete(type, key),
          watch: async () => {
            for await (const _ of alice.watch(type, { namespace, resourceVersion: '1' })) return;
          },
        };
        for (const [verb, attempt] of Object.entries(tries)) {
          await assert.rejects(attempt(), (error) => isApiError(error, 'Forbidden'), `${verb} ${type.plural}`);
        }
      }
    } finally {
      await alice.close();
    }
  });
});

test("what a tenant writes into checkpoints of its own namespace does not lead to another one's memory", {
  skip,
}, async () => {
  await withFermata(async (ground) => {
    const [node = '', other = ''] = ground.nodes;
    await ground.cordon(other, true);
    await ground.pod('victim', { priority: 'low', cpu: '1500m', node });
    const victim = await ground.running('victim');
    await counting(ground, 'victim');
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(20), restartPolicy: 'Never' });
    await ground.running('urgent');
    const before = await ground.steps('victim');
    const [own] = await ground.checkpoints();
    assert.ok(own?.status?.checkpointLocation?.nodeLocal);
    const image = own.status.checkpointedContainers?.[0]?.restoreImage ?? '';
    await withNamespace(async (store, namespace) => {
      // All that somebody can write who may do anything in that namespace.
      const stolen = await store.create(POD_CHECKPOINTS, { metadata: { namespace, name: 'stolen' }, spec: own.spec });
      await store.patch(POD_CHECKPOINTS, stolen.metadata, { status: own.status }, { subresource: 'status' });
      const ask = async (name: string, what: string): Promise<number> => {
        const [registry = '', ...path] = what.replace(/:[^:/]+$/, '').split('/');
        await store.create(PODS, {
          metadata: { namespace, name, annotations: { 'fermata.dev/restore-from': 'stolen' } },
          spec: {
            nodeName: node,
            automountServiceAccountToken: false,
            containers: [{ name: 'main', image: what, imagePullPolicy: 'Always' }],
          },
        });
        const answer = await fetch(`http://${registry}/v2/${path.join('/')}/manifests/checkpoint`);
        await answer.arrayBuffer();
        return answer.status;
      };
      assert.equal(await ask('by-path', image.replace(own.metadata.uid, stolen.metadata.uid)), 404);
      assert.equal(await ask('by-image', image), 404);
      for (const name of ['by-path', 'by-image']) {
        await ground.until(`${name} is refused`, async () => {
          const { status } = await store.get(PODS, { namespace, name });
          const [container] = status?.containerStatuses ?? [];
          assert.equal(container?.state?.running, undefined, `${name} runs`);
          return /^(?:ErrImagePull|ImagePullBackOff)$/.test(container?.state?.waiting?.reason ?? '');
        });
        await store.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0 });
      }
      await store.delete(POD_CHECKPOINTS, stolen.metadata);
      // Its finalizer keeps it until the agent has removed what it calls its data.
      await ground.until(
        'the stolen one is gone',
        async () => (await store.list(POD_CHECKPOINTS, { namespace })).items.length === 0,
      );
    });
    await ground.running('victim', victim.uid);
    await countsOn(ground, 'victim', before);
  });
});
