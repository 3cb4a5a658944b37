import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import {
  CLUSTER_RULES,
  NAMESPACE_RULES,
  type PolicyRule,
  serverAbilities,
  webhookConfiguration,
} from '../../src/deployment/index.ts';
import { customResourceDefinitions, type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  conditionOf,
  type Draft,
  isHeld,
  JOBS,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  NODES,
  type OwnerReference,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  PRIORITY_CLASSES,
  type ResourceType,
  SERVICE_ACCOUNTS,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { access, withNamespace } from './cluster.ts';
import { ImpersonatingProxy } from './impersonating-proxy.ts';

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
const ROLES = ['scheduler', 'controller', 'webhook'] as const;
type Role = (typeof ROLES)[number];

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', singular: '', shortNames: [] };
const kind = (name: string, plural: string, namespaced: boolean): ResourceType<KubeObject> => ({
  ...RBAC,
  kind: name,
  plural,
  namespaced,
});
const BINDING_KINDS = [
  kind('ClusterRole', 'clusterroles', false),
  kind('ClusterRoleBinding', 'clusterrolebindings', false),
  kind('Role', 'roles', true),
  kind('RoleBinding', 'rolebindings', true),
] as const;
const COUNTED = { requests: { cpu: '900m' } };

class Scene {
  readonly store: HttpStore;
  readonly namespace: string;
  readonly proxies = new Map<Role, ImpersonatingProxy>();
  readonly #folder: string;
  readonly #children: { role: Role; child: ChildProcess; exited: Promise<unknown[]>; healthPort: number }[] = [];
  readonly #undo: (() => Promise<unknown>)[] = [];

  constructor(store: HttpStore, namespace: string, folder: string) {
    this.store = store;
    this.namespace = namespace;
    this.#folder = folder;
  }

  async make<T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>): Promise<T> {
    const made = await this.store.create(type, draft);
    this.#undo.push(() => this.store.delete(type, made.metadata, type.kind === 'Pod' ? { gracePeriodSeconds: 0 } : {}));
    return made;
  }

  /** The role's own rights, and no others, for a user of the test's. */
  async grant(role: Role): Promise<void> {
    const name = `${this.namespace}-${role}`;
    const [clusterRole, clusterBinding, ownRole, ownBinding] = BINDING_KINDS;
    const subjects = [{ kind: 'ServiceAccount', name: role, namespace: this.namespace }];
    const rename = (rule: PolicyRule): PolicyRule =>
      rule.resourceNames?.includes('fermata') === true ? { ...rule, resourceNames: [this.namespace] } : rule;
    const rules = { metadata: { name }, rules: CLUSTER_RULES[role].map(rename) };
    await this.make(clusterRole, rules as Draft<KubeObject>);
    const refer = (of: ResourceType): object => ({ apiGroup: RBAC.group, kind: of.kind, name });
    await this.make(clusterBinding, { metadata: { name }, roleRef: refer(clusterRole), subjects } as Draft<KubeObject>);
    const metadata = { name, namespace: this.namespace };
    await this.make(ownRole, { metadata, rules: NAMESPACE_RULES[role] } as Draft<KubeObject>);
    await this.make(ownBinding, { metadata, roleRef: refer(ownRole), subjects } as Draft<KubeObject>);
  }

  async run(role: Role, ...flags: string[]): Promise<void> {
    const proxy = new ImpersonatingProxy(access, `system:serviceaccount:${this.namespace}:${role}`);
    this.proxies.set(role, proxy);
    const server = await proxy.start();
    const file = join(this.#folder, `${role}.conf`);
    const context = [{ name: 'c', context: { cluster: 'c', user: 'u' } }];
    const clusters = [{ name: 'c', cluster: { server } }];
    const config = { apiVersion: 'v1', kind: 'Config', 'current-context': 'c', contexts: context, clusters };
    await writeFile(file, JSON.stringify({ ...config, users: [{ name: 'u', user: {} }] }));
    const healthPort = await freePort();
    const log = openSync(join(this.#folder, `${role}.log`), 'w');
    const all = [role, '--kubeconfig', file, '--health-address', `127.0.0.1:${healthPort}`, ...flags];
    const child = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...all], { stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    this.#children.push({ role, child, exited: once(child, 'exit'), healthPort });
    await this.until(`${role} to be ready`, async () => (await this.#health(healthPort, '/readyz'))?.code === 200);
  }

  async metrics(role: Role): Promise<string> {
    const port = this.#children.find((each) => each.role === role)?.healthPort ?? 0;
    return (await this.#health(port, '/metrics'))?.text ?? '';
  }

  async #health(port: number, path: string): Promise<{ code: number; text: string } | undefined> {
    try {
      const answer = await request(`http://127.0.0.1:${port}${path}`);
      return { code: answer.statusCode, text: await answer.body.text() };
    } catch {
      return undefined; // does not listen yet
    }
  }

  async until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > deadline) {
        const logs = await Promise.all(ROLES.map((role) => this.#tail(role)));
        assert.fail(`a minute passed without ${what}\n${logs.join('\n')}`);
      }
      await pause(100);
    }
  }

  async #tail(role: Role): Promise<string> {
    const text = await readFile(join(this.#folder, `${role}.log`), 'utf8').catch(() => '');
    return text.split('\n').slice(-8).join('\n');
  }

  async stop(role: Role): Promise<void> {
    const found = this.#children.find((each) => each.role === role);
    if (found === undefined || found.child.exitCode !== null) return;
    found.child.kill('SIGTERM');
    assert.equal((await found.exited)[0], 0, `${role} ended with a failure`);
  }

  async dispose(): Promise<void> {
    for (const role of ROLES) await this.stop(role);
    for (const proxy of this.proxies.values()) await proxy.stop();
    for (const { metadata } of (await this.store.list(POD_CHECKPOINTS, { namespace: this.namespace })).items) {
      await this.store.delete(POD_CHECKPOINTS, metadata);
    }
    for (const undo of this.#undo.reverse()) {
      await undo().catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const closed = once(server, 'close');
  server.close();
  await closed;
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function withScene(use: (scene: Scene) => Promise<void>): Promise<void> {
  await withNamespace(async (store, namespace) => {
    for (const definition of customResourceDefinitions()) {
      await store.create(CUSTOM_RESOURCE_DEFINITIONS, definition).catch((error: unknown) => {
        if (!isApiError(error, 'AlreadyExists')) throw error;
      });
    }
    // Where no controller makes it.
    await store.create(SERVICE_ACCOUNTS, { metadata: { namespace, name: 'default' } }).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
    const folder = await mkdtemp(join(tmpdir(), 'fermata-roles-'));
    const scene = new Scene(store, namespace, folder);
    try {
      await use(scene);
    } finally {
      await scene.dispose();
      await rm(folder, { recursive: true });
    }
  });
}

/** The webhook for this namespace alone, reached on this machine. */
async function serveWebhook(scene: Scene): Promise<void> {
  const { store, namespace } = scene;
  await store.patch(NAMESPACES, { name: namespace }, { metadata: { labels: { 'fermata.dev/test': namespace } } });
  const port = await freePort();
  const { matchConditions } = await serverAbilities(store);
  const configuration = webhookConfiguration({
    client: { url: `https://127.0.0.1:${port}/pods` },
    knowsMatchConditions: matchConditions,
    name: namespace,
  });
  type Webhook = { namespaceSelector: { matchExpressions?: object[] } };
  const own = { key: 'fermata.dev/test', operator: 'In', values: [namespace] };
  const webhooks = (configuration.webhooks as Webhook[]).map((webhook) => ({
    ...webhook,
    namespaceSelector: { matchExpressions: [...(webhook.namespaceSelector.matchExpressions ?? []), own] },
  }));
  await scene.make(MUTATING_WEBHOOK_CONFIGURATIONS, { metadata: { name: namespace }, webhooks } as Draft<KubeObject>);
  await scene.grant('webhook');
  const names = ['--configuration-name', namespace, '--server-name', '127.0.0.1', '--scheduler-name', namespace];
  await scene.run('webhook', '--port', String(port), '-n', namespace, ...names);
}

async function fakeNode(scene: Scene): Promise<string> {
  const { store, namespace } = scene;
  const name = `node-of-${namespace}`;
  await scene.make(NODES, { metadata: { name, labels: { 'fermata.dev/test': namespace } } });
  const room = { cpu: '1', memory: '4Gi', pods: '10' };
  const status = { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' as const }] };
  await store.patch(NODES, { name }, { status }, { subresource: 'status' });
  await store.patch(NODES, { name }, { spec: { taints: null } });
  return name;
}

function podDraft(scene: Scene, name: string, priorityClassName: string, owner?: OwnerReference): Draft<Pod> {
  return {
    metadata: { namespace: scene.namespace, name, ...(owner !== undefined && { ownerReferences: [owner] }) },
    spec: {
      schedulerName: scene.namespace,
      nodeSelector: { 'fermata.dev/test': scene.namespace },
      automountServiceAccountToken: false,
      priorityClassName,
      containers: [{ name: 'main', image: 'registry.example/none:1', resources: COUNTED }],
    },
  };
}

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

async function condition(
  scene: Scene,
  checkpoint: PodCheckpoint,
  type: string,
  reason: string,
  rest: object = {},
): Promise<void> {
  const { namespace, name } = checkpoint.metadata;
  const current = await scene.store.get(POD_CHECKPOINTS, { namespace, name });
  const conditions = [
    ...(current.status?.conditions ?? []).filter((each) => each.type !== type),
    { type, status: 'True', reason },
  ];
  await scene.store.patch(
    POD_CHECKPOINTS,
    { namespace, name },
    { status: { ...rest, conditions } },
    { subresource: 'status' },
  );
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
    const after = await store.get(POD_CHECKPOINTS, ordered.metadata);
    assert.equal(conditionOf(after.status?.conditions, 'Restored')?.reason, 'Suspended');
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
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['create'] }];
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
    const post = async (annotations: Record<string, string>): Promise<{ code: number; text: string }> => {
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'p-', annotations },
        spec: {
          schedulerName: 'nobody',
          automountServiceAccountToken: false,
          containers: [{ name: 'c', image: 'none' }],
        },
      });
      const headers = { 'content-type': 'application/json' };
      const answer = await request(`${server}/api/v1/namespaces/${namespace}/pods`, {
        method: 'POST',
        body,
        headers,
        dispatcher,
      });
      return { code: answer.statusCode, text: await answer.body.text() };
    };
    try {
      const refused = await post({ 'fermata.dev/restore-from': 'somebody-elses' });
      assert.equal(refused.code, 403, refused.text);
      assert.match(refused.text, /mallory.*may not restore podcheckpoint.*somebody-elses/);
      assert.equal((await post({})).code, 201);
    } finally {
      await dispatcher.close();
      await proxy.stop();
    }
  });
});
