import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import {
  CLUSTER_RULES,
  NAMESPACE_RULES,
  type PolicyRule,
  serverAbilities,
  webhookConfiguration,
} from '../../src/deployment/index.ts';
import { type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  type Draft,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  NODES,
  type OwnerReference,
  POD_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  type ResourceType,
  SERVICE_ACCOUNTS,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { access, define, withNamespace } from './cluster.ts';
import { ImpersonatingProxy } from './impersonating-proxy.ts';

export const ROLES = ['scheduler', 'controller', 'webhook'] as const;
type Role = (typeof ROLES)[number];

export const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', singular: '', shortNames: [] };
const kind = (name: string, plural: string, namespaced: boolean): ResourceType<KubeObject> => ({
  ...RBAC,
  kind: name,
  plural,
  namespaced,
});
export const BINDING_KINDS = [
  kind('ClusterRole', 'clusterroles', false),
  kind('ClusterRoleBinding', 'clusterrolebindings', false),
  kind('Role', 'roles', true),
  kind('RoleBinding', 'rolebindings', true),
] as const;
const COUNTED = { requests: { cpu: '900m' } };

/** The roles as processes on the cluster, each with its own rights alone; nodes and what runs on them is the test's doing. */
export class Scene {
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

export async function withScene(use: (scene: Scene) => Promise<void>): Promise<void> {
  await withNamespace(async (store, namespace) => {
    await define(store);
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
export async function serveWebhook(scene: Scene): Promise<void> {
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

export async function fakeNode(scene: Scene): Promise<string> {
  const { store, namespace } = scene;
  const name = `node-of-${namespace}`;
  await scene.make(NODES, { metadata: { name, labels: { 'fermata.dev/test': namespace } } });
  const room = { cpu: '1', memory: '4Gi', pods: '10' };
  const status = { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' as const }] };
  await store.patch(NODES, { name }, { status }, { subresource: 'status' });
  await store.patch(NODES, { name }, { spec: { taints: null } });
  return name;
}

export function podDraft(scene: Scene, name: string, priorityClassName: string, owner?: OwnerReference): Draft<Pod> {
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

export async function condition(
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
