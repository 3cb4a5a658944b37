import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { CLUSTER_RULES, NAMESPACE_RULES, serverAbilities } from '../../src/deployment/index.ts';
import { isApiError } from '../../src/kubernetes/index.ts';
import {
  conditionOf,
  type Draft,
  isHeld,
  JOBS,
  type KubeObject,
  type OwnerReference,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
} from '../../src/model/index.ts';
import { access } from './cluster.ts';
import { ImpersonatingProxy } from './impersonating-proxy.ts';

import {
  BINDING_KINDS,
  condition,
  fakeNode,
  podDraft,
  RBAC,
  ROLES,
  type Scene,
  serveWebhook,
  withScene,
} from './role-scene.ts';

/** Rules that this scenario has no use for, and what uses them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'scheduler: delete pods': 'a policy that terminates victims',
  'scheduler: get persistentvolumes': 'pods with volumes that are bound late',
  'scheduler: patch persistentvolumes': 'pods with volumes that are bound late',
  'scheduler: get persistentvolumeclaims': 'pods with volumes that are bound late',
  'scheduler: patch persistentvolumeclaims': 'pods with volumes that are bound late',
  'scheduler: get fermata.dev/podgroupcheckpoints': 'groups',
  'scheduler: create fermata.dev/podgroupcheckpoints': 'groups',
  'controller: create fermata.dev/podcheckpoints': 'members of groups',
  'controller: delete fermata.dev/podcheckpoints': 'retention',
  'controller: restore fermata.dev/podcheckpoints': 'asked for by the webhook, of whom it admits',
  'controller: restore node.k8s.io/podcheckpoints': 'asked for by API servers that have them (KEP-5823)',
  'controller: get fermata.dev/podgroupcheckpoints': 'groups',
  'controller: patch fermata.dev/podgroupcheckpoints': 'groups',
  'controller: delete fermata.dev/podgroupcheckpoints': 'groups',
  'controller: patch fermata.dev/podgroupcheckpoints/status': 'groups',
  'controller: get replicationcontrollers': 'workloads of other kinds',
  'controller: get apps/replicasets': 'workloads of other kinds',
  'controller: get apps/statefulsets': 'workloads of other kinds',
  'controller: get nodes': 'incarnations that vanish',
  'controller: list nodes': 'incarnations that vanish',
  'webhook: update secrets': 'renewal, months later',
  'webhook: create authorization.k8s.io/subjectaccessreviews': 'pods that name a checkpoint: the next test',
  'controller: create pods': 'workloads that nobody controls',
  'controller: get batch/jobs': 'heirs that do not come',
};
/** Only when an answer was lost, or a write met another. */
const BY_CHANCE = /: (?:(?:get|patch) events|get pods|get fermata\.dev\/podcheckpoints)$/;

/** What the controller of Jobs makes; where none runs, the test makes what it would. */
async function podOfJob(scene: Scene, owner: OwnerReference, known: readonly string[]): Promise<Pod> {
  const { store, namespace } = scene;
  for (let tries = 0; tries < 40; tries++) {
    const { items } = await store.list(PODS, { namespace, labelSelector: 'job-name=job' });
    const found = items.find(
      ({ metadata }) => !known.includes(metadata.uid) && metadata.deletionTimestamp === undefined,
    );
    if (found !== undefined) return found;
    await pause(100);
  }
  return scene.make(PODS, podDraft(scene, `job-${known.length}`, `${namespace}-low`, owner));
}

test("with just their own rights the roles preempt a Job's pod, and its heir goes on from the checkpoint", async () => {
  await withScene(async (scene) => {
    const { store, namespace } = scene;
    const node = await fakeNode(scene);
    for (const [name, value] of [
      ['low', 1],
      ['high', 1_000],
    ] as const) {
      const annotations = name === 'high' ? { 'fermata.dev/preemption-policy': 'CheckpointLowerPriority' } : {};
      await scene.make(PRIORITY_CLASSES, { metadata: { name: `${namespace}-${name}`, annotations }, value });
    }
    await serveWebhook(scene);
    const lease = ['--leader-elect-resource-namespace', namespace];
    await scene.grant('scheduler');
    await scene.run('scheduler', '--scheduler-name', namespace, ...lease);
    await scene.grant('controller');
    await scene.run('controller', ...lease);

    const job = await scene.make(JOBS, {
      metadata: { namespace, name: 'job' },
      spec: { template: { spec: { ...podDraft(scene, 'job', `${namespace}-low`).spec, restartPolicy: 'Never' } } },
    } as Draft<KubeObject>);
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'job', uid: job.metadata.uid, controller: true };
    const victim = await podOfJob(scene, owner, []);
    const key = { namespace, name: victim.metadata.name };
    await scene.until('the victim to be bound', async () => (await store.get(PODS, key)).spec.nodeName === node);
    await store.patch(PODS, key, { status: { phase: 'Running' } }, { subresource: 'status' });
    await scene.make(PODS, podDraft(scene, 'urgent', `${namespace}-high`));
    const ordered = await scene.until(
      'an order to checkpoint',
      async () => (await store.list(POD_CHECKPOINTS, { namespace })).items[0],
    );
    const current = await store.get(PODS, key);
    const { nodeName: _, priority: _priority, preemptionPolicy: _policy, ...spec } = current.spec;
    await condition(scene, ordered, 'Ready', 'CheckpointCompleted', {
      nodeName: node,
      sourcePodUID: victim.metadata.uid,
      checkpointedPodTemplate: { metadata: { ownerReferences: [owner], annotations: {} }, spec },
    });
    const leaving = await scene.until('the victim to be deleted', async () => {
      const seen = await store.get(PODS, key);
      return seen.metadata.deletionTimestamp === undefined ? undefined : seen;
    });
    assert.deepEqual(leaving.metadata.ownerReferences ?? [], [], 'its Job counts it as no failure');

    // The Job makes another one at once, before the room is confirmed free.
    const heir = await podOfJob(scene, owner, [victim.metadata.uid]);
    const heirKey = { namespace, name: heir.metadata.name };
    assert.equal(heir.metadata.annotations?.['fermata.dev/restore-from'], ordered.metadata.name);
    assert.ok(isHeld(heir));
    await store.delete(PODS, key, { gracePeriodSeconds: 0 });
    await condition(scene, ordered, 'Released', 'Released');
    await scene.until(
      'the urgent pod to be bound',
      async () => (await store.get(PODS, { namespace, name: 'urgent' })).spec.nodeName === node,
    );
    await scene.until('the heir to be let go', async () => !isHeld(await store.get(PODS, heirKey)));
    const after = await scene.until('that to be written down', async () => {
      const seen = await store.get(POD_CHECKPOINTS, ordered.metadata);
      return conditionOf(seen.status?.conditions, 'Restored')?.reason === 'Suspended' ? seen : undefined;
    });
    assert.equal(after.status?.restoration?.podName, heir.metadata.name);
    const { status } = (await store.get(JOBS, { namespace, name: 'job' })) as KubeObject & {
      status?: { failed?: number };
    };
    assert.equal(status?.failed ?? 0, 0, 'its backoffLimit is not used up');

    // A second one in its place is one more, and starts anew.
    const another = await scene.make(PODS, podDraft(scene, 'job-c', `${namespace}-low`, owner));
    assert.equal(another.metadata.annotations?.['fermata.dev/restore-from'], undefined);

    // Without the webhook nothing may take the place of what is suspended; what nobody controls comes in.
    await scene.stop('webhook');
    await assert.rejects(
      scene.make(PODS, podDraft(scene, 'job-d', `${namespace}-low`, owner)),
      (error) => isApiError(error) && /replacements\.fermata\.dev/.test(error.message),
    );
    if ((await serverAbilities(store)).matchConditions)
      await scene.make(PODS, podDraft(scene, 'bare', `${namespace}-low`));

    assert.match(
      await scene.metrics('scheduler'),
      /scheduler_schedule_attempts_total\{result="scheduled"[^}]*\} [1-9]/,
    );
    assert.match(await scene.metrics('controller'), /fermata_suspended_workloads 1/);
    for (const role of ROLES) await scene.stop(role);
    judgeRights(scene);
  });
});

/** Nothing was refused; and what was never asked for is not granted, but for what other tests ask for. */
function judgeRights({ proxies }: Scene): void {
  const unused: string[] = [];
  for (const [role, proxy] of proxies) {
    assert.deepEqual(
      proxy.asked.filter(({ status }) => status === 403),
      [],
      `${role} was refused`,
    );
    // A server that does not have the kind is not asked to watch it.
    const missing = new Set(
      proxy.asked
        .filter(({ verb, status }) => verb === 'list' && status === 404)
        .map(({ group, resource }) => right(role, 'watch', group, resource)),
    );
    const asked = new Set(proxy.asked.map(({ verb, group, resource }) => right(role, verb, group, resource)));
    const granted = [...CLUSTER_RULES[role], ...(NAMESPACE_RULES[role] ?? [])].flatMap(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => verbs.map((verb) => right(role, verb, group, resource))),
        ),
    );
    unused.push(
      ...granted.filter(
        (one) => !asked.has(one) && !missing.has(one) && ELSEWHERE[one] === undefined && !BY_CHANCE.test(one),
      ),
    );
  }
  assert.deepEqual([...new Set(unused)], [], 'rights that no role made use of');
}

function right(role: string, verb: string, group: string, resource: string): string {
  return `${role}: ${verb} ${group === '' ? '' : `${group}/`}${resource}`;
}

test('who may create pods but not restore a checkpoint cannot have its memory', async () => {
  await withScene(async (scene) => {
    const { namespace } = scene;
    await serveWebhook(scene);
    const [, , role, binding] = BINDING_KINDS;
    const metadata = { name: 'tenant', namespace };
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['create', 'patch'] }];
    await scene.make(role, { metadata, rules } as Draft<KubeObject>);
    const roleRef = { apiGroup: RBAC.group, kind: 'Role', name: 'tenant' };
    await scene.make(binding, {
      metadata,
      roleRef,
      subjects: [{ kind: 'User', name: 'mallory' }],
    } as Draft<KubeObject>);
    const proxy = new ImpersonatingProxy(access, 'mallory');
    const server = await proxy.start();
    const dispatcher = new Agent();
    const ask = async (
      method: 'POST' | 'PATCH',
      name: string,
      body: object,
    ): Promise<{ code: number; text: string }> => {
      const path = `${server}/api/v1/namespaces/${namespace}/pods${name}`;
      const headers = { 'content-type': method === 'POST' ? 'application/json' : 'application/merge-patch+json' };
      const answer = await request(path, { method, body: JSON.stringify(body), headers, dispatcher });
      return { code: answer.statusCode, text: await answer.body.text() };
    };
    const post = (annotations: Record<string, string>) =>
      ask('POST', '', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p', annotations },
        spec: {
          schedulerName: 'nobody',
          automountServiceAccountToken: false,
          containers: [{ name: 'c', image: 'none' }],
        },
      });
    try {
      const annotations = { 'fermata.dev/restore-from': 'somebody-elses' };
      const refuse = ({ code, text }: { code: number; text: string }): void => {
        assert.equal(code, 403, text);
        assert.match(text, /mallory.*may not restore podcheckpoint.*somebody-elses/);
      };
      refuse(await post(annotations));
      assert.equal((await post({})).code, 201);
      refuse(await ask('PATCH', '/p', { metadata: { annotations } }));
      assert.equal((await ask('PATCH', '/p', { metadata: { labels: { a: 'b' } } })).code, 200);
    } finally {
      await dispatcher.close();
      await proxy.stop();
    }
  });
});
