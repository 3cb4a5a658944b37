import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import {
  conditionOf,
  type Draft,
  isHeld,
  type KubeObject,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  PRIORITY_CLASSES,
  REPLICA_SETS,
  type ResourceType,
  STATEFUL_SETS,
} from '../../src/model/index.ts';
import { condition, podDraft, type Scene, serveWebhook, withScene } from './role-scene.ts';

/** The pods wait for a scheduler that is not there: who they are is all that matters here. */
async function owned(scene: Scene, type: ResourceType<KubeObject>, image = 'registry.example/none:1') {
  const { namespace } = scene;
  const labels = { app: 'set' };
  const { spec } = podDraft(scene, 'set', `${namespace}-low`);
  const containers = spec.containers.map((container) => ({ ...container, image }));
  return scene.make(type, {
    metadata: { namespace, name: 'set' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { ...spec, containers } },
      // In order, a StatefulSet would wait for its pod to run before it rolls out, as it does for any pod that is not ready.
      ...(type === STATEFUL_SETS && { serviceName: 'set', podManagementPolicy: 'Parallel' }),
    },
  } as Draft<KubeObject>);
}

/** The pod that a controller has made; undefined after ten seconds: none looks after such things here. */
async function podOf({ store, namespace }: Scene, not: string | undefined): Promise<Pod | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    const { items } = await store.list(PODS, { namespace, labelSelector: 'app=set' });
    const found = items.find(({ metadata }) => metadata.uid !== not && metadata.deletionTimestamp === undefined);
    if (found !== undefined) return found;
    await pause(100);
  }
  return undefined;
}

/** What scheduler and agent do up to the deletion of the pod. */
async function suspended(scene: Scene, pod: Pod): Promise<PodCheckpoint> {
  const { store, namespace } = scene;
  const checkpoint = await store.create(POD_CHECKPOINTS, {
    metadata: { namespace, name: 'saved', labels: { 'fermata.dev/workload': pod.metadata.name } },
    spec: {
      sourcePod: { name: pod.metadata.name, uid: pod.metadata.uid },
      postCheckpointState: 'Stopped',
      restore: 'Automatic',
    },
  });
  const { priority: _, preemptionPolicy: _policy, ...spec } = pod.spec;
  const { labels, ownerReferences } = pod.metadata;
  await condition(scene, checkpoint, 'Ready', 'CheckpointCompleted', {
    sourcePodUID: pod.metadata.uid,
    checkpointedPodTemplate: { metadata: { labels, annotations: {}, ownerReferences }, spec },
  });
  return checkpoint;
}

async function prepared(scene: Scene): Promise<void> {
  const { namespace } = scene;
  await scene.make(PRIORITY_CLASSES, { metadata: { name: `${namespace}-low` }, value: 1 });
  await serveWebhook(scene);
  await scene.grant('controller');
  await scene.run('controller', '--leader-elect-resource-namespace', namespace);
}

const restored = async ({ store }: Scene, { metadata }: PodCheckpoint): Promise<string | undefined> =>
  conditionOf((await store.get(POD_CHECKPOINTS, metadata)).status?.conditions, 'Restored')?.reason;

for (const type of [STATEFUL_SETS, REPLICA_SETS]) {
  test(`the pod that a ${type.kind}'s own controller makes goes on, and is let go when there is room`, async (context) => {
    await withScene(async (scene) => {
      await prepared(scene);
      await owned(scene, type);
      const first = await podOf(scene, undefined);
      if (first === undefined) return context.skip('no kube-controller-manager runs here');
      const checkpoint = await suspended(scene, first);
      const heir = await podOf(scene, first.metadata.uid);
      assert.equal(heir?.metadata.annotations?.['fermata.dev/restore-from'], 'saved');
      assert.ok(isHeld(heir));
      assert.equal(heir.metadata.name === first.metadata.name, type === STATEFUL_SETS);
      await condition(scene, checkpoint, 'Released', 'Released');
      const key = { namespace: scene.namespace, name: heir.metadata.name };
      await scene.until('the heir to be let go', async () => !isHeld(await scene.store.get(PODS, key)));
      await scene.until('it to be written down', async () => (await restored(scene, checkpoint)) === 'Suspended');

      // Its owner does not want it any more.
      await scene.store.patch(type, { namespace: scene.namespace, name: 'set' }, { spec: { replicas: 0 } });
      await scene.until('its state to be given up', async () => (await restored(scene, checkpoint)) === 'Abandoned');
    });
  });
}

test('a rollout starts from the new image, and gives up the state of the old one', async (context) => {
  await withScene(async (scene) => {
    await prepared(scene);
    await owned(scene, STATEFUL_SETS);
    const first = await podOf(scene, undefined);
    if (first === undefined) return context.skip('no kube-controller-manager runs here');
    const checkpoint = await suspended(scene, first);
    const heir = await podOf(scene, first.metadata.uid);
    await condition(scene, checkpoint, 'Released', 'Released');
    await scene.until('it to wait', async () => (await restored(scene, checkpoint)) === 'Suspended');
    const { containers } = podDraft(scene, 'set', `${scene.namespace}-low`).spec;
    const next = {
      spec: {
        template: { spec: { containers: containers.map((each) => ({ ...each, image: 'registry.example/none:2' })) } },
      },
    };
    await scene.store.patch(STATEFUL_SETS, { namespace: scene.namespace, name: 'set' }, next);
    const fresh = await scene.until('the pod of the new revision', async () => {
      const found = await podOf(scene, heir?.metadata.uid);
      return found?.spec.containers[0]?.image === 'registry.example/none:2' ? found : undefined;
    });
    assert.equal(fresh.metadata.annotations?.['fermata.dev/restore-from'], undefined);
    assert.match(
      fresh.metadata.annotations?.['fermata.dev/not-restored'] ?? '',
      /controller-revision-hash was .* and is /,
    );
    await scene.until('the old state to be given up', async () => (await restored(scene, checkpoint)) === 'Abandoned');
  });
});
