import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Agent, request } from 'undici';
import { parseAllDocuments } from 'yaml';
import { BATCH_JOBS, type Job } from '../../src/bursting/index.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { HttpStore, loadKubeconfig } from '../../src/kubernetes/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type Draft,
  isConditionTrue,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  PODS,
  type Pod,
  type ResourceType,
  SILENT_LOG,
} from '../../src/model/index.ts';
import { SandboxApiServer } from '../../src/sandbox/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { seen } from './ground.ts';

/**
 * `fermata hpc webhook` on the sandbox's API server, with the configuration of deploy/hpc/webhook.yaml. That server has no Jobs and asks
 * no webhooks: Jobs are a kind made for it under another group, and the test asks in its place, over TLS with the authority it
 * was told to trust.
 */
const clock = new SystemClock();
let folder: string;
let server: SandboxApiServer;
let front: Server;
let manifests: (Draft<KubeObject> & Manifest)[];
/** What the role has asked of the API server: verb, group, resource, name. */
const calls = new Map<string, Call>();
let store: HttpStore;
let stop: () => Promise<void> = async () => undefined;
let ask: (path: string, namespace: string, object: object) => Promise<{ response: Response; object: unknown }>;

interface Response {
  allowed: boolean;
  status?: { code: number; message: string };
  warnings?: string[];
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-hpc-webhook-'));
  const parts = { clock, random: Math.random, log: SILENT_LOG };
  server = new SandboxApiServer(parts, { directory: folder, nodeSocket: join(folder, 'node.sock') });
  const kubeconfig = await withJobs((await server.start()).kubeconfigPath);
  store = new HttpStore(await loadKubeconfig({ path: kubeconfig }), { userAgent: 'test' });
  await store.create(NAMESPACES, { metadata: { name: 'fermata-hpc' } });
  for (const type of [JOBS_HERE, MUTATING_WEBHOOK_CONFIGURATIONS]) await serve(type);
  const text = await readFile(join(import.meta.dirname, '../../deploy/hpc/webhook.yaml'), 'utf8');
  manifests = parseAllDocuments(text).map((document) => document.toJS() as Draft<KubeObject> & Manifest);
  const configuration = manifests.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
  if (configuration === undefined) assert.fail('there is no configuration');
  await seen('the kind of the configuration', () =>
    store.create(MUTATING_WEBHOOK_CONFIGURATIONS, configuration).catch(() => undefined),
  );

  const { args = [] } = manifests.find(({ kind }) => kind === 'Deployment')?.spec?.template.spec.containers[0] ?? {};
  const port = await freePort();
  const flags = [
    '--kubeconfig',
    kubeconfig,
    '--port',
    String(port),
    '--namespace',
    'fermata-hpc',
    '--health-address',
    '0',
  ];
  const child = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...args, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  const ended = once(child, 'close');
  const trusted = await seen(`whom to trust; the webhook said: ${log}`, async () => {
    const { webhooks }: Configured = await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: 'fermata-hpc' });
    return webhooks?.every(({ clientConfig }) => clientConfig.caBundle) === true && webhooks;
  });
  await seen('that it listens', () => log.includes('the webhook listens'));
  ask = async (path, namespace, object) => {
    const { clientConfig } = trusted.find((one) => one.clientConfig.service.path === path) ?? assert.fail(path);
    const { service, caBundle = '' } = clientConfig;
    const servername = `${service.name}.${service.namespace}.svc`;
    const dispatcher = new Agent({ connect: { ca: Buffer.from(caBundle, 'base64').toString(), servername } });
    const review = { uid: 'u', operation: 'CREATE', namespace, object, userInfo: {} };
    const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: review });
    const reply = await request(`https://127.0.0.1:${port}${path}`, { method: 'POST', body, dispatcher });
    const { response } = (await reply.body.json()) as { response: Response & { patch?: string } };
    await dispatcher.close();
    const steps = JSON.parse(Buffer.from(response.patch ?? 'W10=', 'base64').toString()) as Step[];
    return { response, object: steps.reduce(patched, object) };
  };
  stop = async () => {
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null], log);
  };
});

after(async () => {
  await stop();
  await store.close();
  front.closeAllConnections();
  front.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

interface Call {
  verb: string;
  group: string;
  resource: string;
  name: string | undefined;
}

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

interface Manifest {
  rules?: Rule[];
  spec?: { template: { spec: { containers: { args: string[] }[] } } };
}

interface Configured extends KubeObject {
  webhooks?: { clientConfig: { caBundle?: string; service: { name: string; namespace: string; path: string } } }[];
}

interface Step {
  path: string;
  value: unknown;
}

/** `add` and `replace` of members of objects, which is all that is patched here. */
function patched(object: object, { path, value }: Step): object {
  const [first = '', ...rest] = path.slice(1).split('/');
  const inner = (object as Record<string, object>)[first] ?? {};
  return { ...object, [first]: rest.length === 0 ? value : patched(inner, { path: `/${rest.join('/')}`, value }) };
}

async function serve({ group, version, kind, plural, singular, namespaced }: ResourceType): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await store.create(CUSTOM_RESOURCE_DEFINITIONS, {
    metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'https://example.org' } },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { kind, plural, singular },
      versions: [{ name: version, served: true, storage: true, schema: schema as object }],
    },
  });
}

/** The server takes no kinds of Kubernetes' own groups. */
const JOBS_HERE: ResourceType<Job> = { ...BATCH_JOBS, group: 'batch.example.org' };

/** A way to the API server on which Jobs are where Kubernetes has them. Gives the kubeconfig. */
async function withJobs(kubeconfig: string): Promise<string> {
  const access = JSON.parse(await readFile(kubeconfig, 'utf8')) as Kubeconfig;
  const [{ cluster }] = access.clusters;
  const ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64');
  front = createServer((asked, answer) => {
    const path = asked.url?.replace('/apis/batch/', `/apis/${JOBS_HERE.group}/`) ?? '/';
    const { method = 'GET', headers } = asked;
    if (headers['user-agent']?.startsWith('fermata-hpc-webhook') === true) note(method, asked.url ?? '');
    const onward = httpsRequest(`${cluster.server}${path}`, { method, headers, ca }, (reply: IncomingMessage) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      answer.flushHeaders();
      reply.pipe(answer);
      answer.on('close', () => reply.destroy());
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  const port = await listening(front);
  const path = join(folder, 'front');
  const clusters = access.clusters.map((each) => ({ ...each, cluster: { server: `http://127.0.0.1:${port}` } }));
  await writeFile(path, JSON.stringify({ ...access, clusters }));
  return path;
}

function note(method: string, url: string): void {
  const [path = '', query = ''] = url.split('?');
  const match = /^\/(?:api|apis\/([^/]+))\/v1(?:\/namespaces\/[^/]+)?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  const [, group = '', plural = '', name, part] = match ?? assert.fail(url);
  const reading = name !== undefined ? 'get' : query.includes('watch=') ? 'watch' : 'list';
  const verb = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? reading;
  calls.set(`${verb} ${url}`, { verb, group, resource: part === undefined ? plural : `${plural}/${part}`, name });
}

interface Kubeconfig {
  clusters: [{ name: string; cluster: { server: string; 'certificate-authority-data'?: string } }];
}

async function listening(one: Server): Promise<number> {
  await once(one.listen(0, '127.0.0.1'), 'listening');
  return (one.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await listening(probe);
  const closed = once(probe, 'close');
  probe.close();
  await closed;
  return port;
}

function job(placement: string, annotations: Record<string, string> = {}): Draft<Job> {
  const container = {
    name: 'c',
    image: 'busybox',
    command: ['sleep'],
    args: ['5'],
    resources: { requests: { cpu: '4' } },
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: placement, namespace: 'default', labels: { 'fermata.dev/hpc': placement }, annotations },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
  };
}

const commandOf = (object: unknown): string =>
  (object as Job).spec.template.spec?.containers[0]?.args?.slice(0, 4).join(' ') ?? '';

test('a Job that must go out is admitted as a connector, one that cannot is refused with the reason', async () => {
  const { response, object } = await ask('/jobs', 'default', job('must'));
  assert.equal(response.allowed, true);
  assert.equal(commandOf(object), 'hpc run --host login');
  const wrong = await ask('/jobs', 'default', job('must', { 'hpc.fermata.dev/time': 'soon' }));
  assert.equal(wrong.response.status?.code, 422);
  assert.match(wrong.response.status?.message ?? '', /"soon" is not/);
});

test('a Job that can go out does, since the cluster has no node that is large enough', async () => {
  assert.equal(commandOf((await ask('/jobs', 'default', job('can'))).object), 'hpc run --host login');
});

test('a Job whose pod finds no room is marked, its pod makes way, and the next one is a connector', async () => {
  const asked = job('overflow', { 'hpc.fermata.dev/overflow-after': '0s' });
  const { object } = await ask('/jobs', 'default', asked);
  const { metadata: jobMetadata, spec: jobSpec } = object as Draft<Job>;
  const made = await store.create(JOBS_HERE, { metadata: jobMetadata, spec: jobSpec });
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'overflow', uid: made.metadata.uid, controller: true };
  const { metadata, spec } = made.spec.template;
  const pod = (name: string): Draft<Pod> => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace: 'default', ownerReferences: [owner] },
    spec: spec as Pod['spec'],
  });
  assert.deepEqual((await ask('/pods', 'default', pod('one'))).object, pod('one'), 'before the mark pods run here');
  const key = { namespace: 'default', name: 'one' };
  await store.create(PODS, pod('one'));
  const unscheduled = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable' };
  await store.patch(PODS, key, { status: { conditions: [unscheduled] } }, { subresource: 'status' });
  await seen('that the pod made way', () =>
    store.get(PODS, key).then(
      ({ status }) => isConditionTrue(status?.conditions, 'DisruptionTarget') && undefined,
      () => true,
    ),
  );
  assert.match(
    (await store.get(JOBS_HERE, { ...key, name: 'overflow' })).metadata.annotations?.['fermata.dev/hpc-overflowed'] ??
      '',
    /^20/,
  );
  const next = (await ask('/pods', 'default', pod('two'))).object as Draft<Pod>;
  assert.equal(next.spec.containers[0]?.args?.[1], 'run');
  await store.create(PODS, next);
  const connector = await store.get(PODS, { ...key, name: 'two' });
  assert.equal(connector.metadata.annotations?.['hpc.fermata.dev/image'], 'docker://busybox');
  assert.equal(connector.metadata.annotations?.['hpc.fermata.dev/cpus-per-task'], '4');
});

test('the manifest allows what the role does, and nothing that it does not do', async () => {
  await seen('that it told', () => [...calls.values()].some(({ resource }) => resource === 'events'));
  const rules = manifests.flatMap(({ rules: own = [] }) => own);
  const allows = (rule: Rule, { verb, group, resource, name }: Call): boolean =>
    rule.apiGroups.includes(group) &&
    rule.resources.includes(resource) &&
    rule.verbs.includes(verb) &&
    (rule.resourceNames === undefined || (name !== undefined && rule.resourceNames.includes(name)));
  const asked = [...calls.values()];
  for (const call of asked)
    assert.ok(
      rules.some((rule) => allows(rule, call)),
      JSON.stringify(call),
    );
  const unused = rules.flatMap((rule) =>
    rule.verbs
      .filter((verb) => !asked.some((call) => allows({ ...rule, verbs: [verb] }, call)))
      .map((verb) => `${verb} ${rule.resources}`),
  );
  // A repeated event is counted up, and a certificate renewed, later.
  assert.deepEqual(unused.sort(), ['get events', 'patch events', 'update secrets']);
});
