import assert from 'node:assert/strict';
import { conditionOf, isConditionTrue, PODS, PRIORITY_CLASSES } from '../../model/index.ts';
import type { ComplianceCases } from './scene.ts';

const OTHER_UID = '00000000-0000-4000-8000-000000000000';

/** What is special about pods: defaults, priority, binding, graceful deletion. */
export const podCases: ComplianceCases = {
  'a new pod is Pending and has its defaults': async (scene) => {
    const pod = await scene.createPod('p');
    assert.equal(pod.status?.phase, 'Pending');
    assert.equal(pod.spec.restartPolicy, 'Always');
    assert.equal(pod.spec.terminationGracePeriodSeconds, 30);
    assert.equal(pod.spec.priority, 0);
    assert.equal(pod.spec.nodeName, undefined);
  },

  'a pod gets the priority of its class, and no class that is not there': async (scene) => {
    const name = `${scene.namespace}-urgent`;
    await scene.store.create(PRIORITY_CLASSES, { metadata: { name }, value: 1234, preemptionPolicy: 'Never' });
    try {
      const pod = await scene.createPod('p', { priorityClassName: name });
      assert.equal(pod.spec.priority, 1234);
      assert.equal(pod.spec.preemptionPolicy, 'Never');
      const missing = scene.createPod('q', { priorityClassName: `${name}-none` });
      const refusal = await scene.refuses('Forbidden', missing);
      assert.match(refusal.message, /no PriorityClass with name .*-none was found/);
    } finally {
      await scene.store.delete(PRIORITY_CLASSES, { name });
    }
  },

  'a pod without containers, or with a wrong quantity, is refused with the field': async (scene) => {
    const none = await scene.refuses('Invalid', scene.createPod('p', { containers: [] }));
    assert.match(none.message, /spec\.containers/);
    const resources = { requests: { memory: '2Gb' } };
    const wrong = scene.createPod('p', { containers: [{ name: 'main', image: 'i', resources }] });
    // Real servers fail at decoding already, and say BadRequest.
    const refusal = await scene.refuses(['Invalid', 'BadRequest'], wrong);
    assert.match(refusal.message, /quantities must match/);
  },

  'binding sets the node once': async (scene) => {
    const { metadata } = await scene.createPod('p');
    const key = scene.key('p');
    await scene.store.bind({ ...key, uid: metadata.uid }, 'node-a');
    const bound = await scene.store.get(PODS, key);
    assert.equal(bound.spec.nodeName, 'node-a');
    assert.equal(isConditionTrue(bound.status?.conditions, 'PodScheduled'), true);
    const refusal = await scene.refuses('Conflict', scene.store.bind({ ...key, uid: metadata.uid }, 'node-b'));
    assert.match(refusal.message, /already assigned to node "node-a"/);
    await scene.refuses('NotFound', scene.store.bind({ ...scene.key('none'), uid: OTHER_UID }, 'node-a'));
  },

  'a bind of another pod of that name, or of an older version of it, is refused': async (scene) => {
    const { metadata } = await scene.createPod('p');
    const key = scene.key('p');
    const { uid, resourceVersion } = metadata;
    await scene.refuses('Conflict', scene.store.bind({ ...key, uid: OTHER_UID }, 'node-a'));
    await scene.store.patch(PODS, key, { metadata: { labels: { changed: 'since' } } });
    await scene.refuses('Conflict', scene.store.bind({ ...key, uid, resourceVersion }, 'node-a'));
    assert.equal((await scene.store.get(PODS, key)).spec.nodeName, undefined);
    const current = await scene.store.get(PODS, key);
    await scene.store.bind({ ...key, uid, resourceVersion: current.metadata.resourceVersion }, 'node-a');
    assert.equal((await scene.store.get(PODS, key)).spec.nodeName, 'node-a');
  },

  'a gated pod cannot be bound until its gates are gone': async (scene) => {
    const { metadata, status } = await scene.createPod('p', { schedulingGates: [{ name: 'fermata.dev/suspended' }] });
    const key = scene.key('p');
    assert.equal(conditionOf(status?.conditions, 'PodScheduled')?.reason, 'SchedulingGated');
    await scene.refuses('Conflict', scene.store.bind({ ...key, uid: metadata.uid }, 'node-a'));
    await scene.store.patch(PODS, key, { spec: { schedulingGates: null } });
    await scene.store.bind({ ...key, uid: metadata.uid }, 'node-a');
  },

  'what a pod runs cannot be changed once it is there': async (scene) => {
    await scene.createPod('p');
    const refusal = await scene.refuses(
      'Invalid',
      scene.store.patch(PODS, scene.key('p'), { spec: { restartPolicy: 'Never' } }),
    );
    assert.match(refusal.message, /pod updates may not change fields/);
  },

  'a pod that was never bound is deleted at once': async (scene) => {
    await scene.createPod('p');
    await scene.store.delete(PODS, scene.key('p'));
    await scene.isGone(PODS, scene.key('p'));
  },

  'a bound pod stays for its grace period, which can only be shortened': async (scene) => {
    await scene.createBoundPod('p', { terminationGracePeriodSeconds: 600 });
    const key = scene.key('p');
    const marked = await scene.store.delete(PODS, key);
    assert.equal(marked.metadata.deletionGracePeriodSeconds, 600);
    assert.notEqual(marked.metadata.deletionTimestamp, undefined);
    const longer = await scene.store.delete(PODS, key, { gracePeriodSeconds: 900 });
    assert.equal(longer.metadata.deletionGracePeriodSeconds, 600);
    const shorter = await scene.store.delete(PODS, key, { gracePeriodSeconds: 60 });
    assert.equal(shorter.metadata.deletionGracePeriodSeconds, 60);
    const moved =
      Date.parse(marked.metadata.deletionTimestamp ?? '') - Date.parse(shorter.metadata.deletionTimestamp ?? '');
    assert.equal(moved, 540_000);
    await scene.refuses('Conflict', scene.store.bind({ ...key, uid: marked.metadata.uid }, 'node-b'));
    await scene.store.delete(PODS, key, { gracePeriodSeconds: 0, uid: marked.metadata.uid });
    await scene.isGone(PODS, key);
  },

  'a bound pod that has ended is deleted at once': async (scene) => {
    await scene.createBoundPod('p');
    await scene.store.patch(PODS, scene.key('p'), { status: { phase: 'Succeeded' } }, { subresource: 'status' });
    await scene.store.delete(PODS, scene.key('p'));
    await scene.isGone(PODS, scene.key('p'));
  },

  'a pod with a finalizer survives a deletion without grace': async (scene) => {
    await scene.createPod('p', {}, { finalizers: ['fermata.dev/compliance'] });
    const key = scene.key('p');
    const marked = await scene.store.delete(PODS, key, { gracePeriodSeconds: 0 });
    assert.notEqual(marked.metadata.deletionTimestamp, undefined);
    await scene.store.patch(PODS, key, { metadata: { finalizers: null } });
    await scene.isGone(PODS, key);
  },
};
