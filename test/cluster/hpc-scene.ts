import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect as connectTo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { parse, parseAllDocuments } from 'yaml';
import { BATCH_JOBS, type Job } from '../../src/bursting/index.ts';
import { type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import {
  CONFIG_MAPS,
  type Draft,
  type KubeObject,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  PODS,
  type Pod,
  type ResourceType,
  SECRETS,
} from '../../src/model/index.ts';
import { HpcGround, seen } from '../hpc/ground.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { access, connect } from './cluster.ts';
import { serveFermataImage } from './fermata-image.ts';
import { ImpersonatingProxy } from './impersonating-proxy.ts';
import { BINDING_KINDS } from './role-scene.ts';

const ROLE = 'fermata-hpc-webhook';
const CONFIGURATION = 'fermata-hpc';
const MANIFESTS = join(import.meta.dirname, '../../deploy/hpc/webhook.yaml');
const EXAMPLE = join(import.meta.dirname, '../../deploy/hpc/job.yaml');

interface Manifest extends KubeObject {
  rules?: { resourceNames?: string[] }[];
  webhooks?: { clientConfig: { service: { path: string } } }[];
}

/**
 * A namespace whose Jobs go out to a Grid Engine on this machine: `fermata hpc webhook` runs with the rights of deploy/hpc/webhook.yaml
 * and no others, nodes pull Fermata's image from here, and its ssh reaches the login node through this machine's own address.
 */
export class HpcScene {
  readonly store: HttpStore = connect();
  namespace = '';
  readonly #undo: (() => Promise<unknown>)[] = [];
  #site: HpcGround | undefined;
  #image = '';

  get site(): HpcGround {
    assert.ok(this.#site);
    return this.#site;
  }

  async start(): Promise<void> {
    const image = serveFermataImage().then(({ reference, stop }) => {
      this.#undo.push(stop);
      this.#image = reference;
    });
    const site = HpcGround.start('gridengine').then((ground) => {
      this.#undo.push(() => ground.stop());
      this.#site = ground;
    });
    try {
      await Promise.allSettled([image, site]);
      await Promise.all([image, site]);
      const labels = { 'fermata.dev/test': 'hpc' };
      const { metadata } = await this.store.create(NAMESPACES, { metadata: { generateName: 'fermata-test-', labels } });
      this.namespace = metadata.name;
      this.#undo.push(() => this.store.delete(NAMESPACES, metadata));
      await this.#makeSecret(await this.#makeWayIn());
      await this.#startWebhook();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
    await this.store.close();
  }

  /** Creates a Job with one container that runs at the site in no image; `more`: of its spec, and its annotations. */
  async job(name: string, placement: string, container: object, more: JobOptions = {}): Promise<Job> {
    const { annotations, ...spec } = more;
    const template = {
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        containers: [{ name: 'program', image: 'registry.example/none:1', ...container }],
      },
    };
    const metadata = {
      namespace: this.namespace,
      name,
      labels: { 'fermata.dev/hpc': placement },
      annotations: { 'hpc.fermata.dev/image': 'none', 'hpc.fermata.dev/scheduler': 'gridengine', ...annotations },
    };
    return await this.store.create(BATCH_JOBS, {
      metadata,
      spec: { backoffLimit: 0, ...spec, template },
    } as unknown as Draft<Job>);
  }

  /** The Job of deploy/hpc/job.yaml, with this image and what this site has; gives its name. */
  async example(script: string): Promise<string> {
    const { namespace } = this;
    await this.store.create(CONFIG_MAPS, { metadata: { namespace, name: 'hpc-script' }, data: { 'job.sh': script } });
    const job = parse(await readFile(EXAMPLE, 'utf8')) as Draft<Job>;
    const { metadata, spec } = job.spec.template;
    const [container] = spec?.containers ?? [];
    assert.ok(container !== undefined && metadata?.annotations !== undefined);
    container.image = this.#image;
    // Both of this machine's batch systems are installed on its login node.
    container.args?.splice(2, 0, '--scheduler', 'gridengine');
    const here = { 'hpc.fermata.dev/partition': 'all.q', 'hpc.fermata.dev/cpus-per-task': '1' };
    Object.assign(metadata.annotations, here);
    await this.store.create(BATCH_JOBS, { ...job, metadata: { ...job.metadata, namespace } });
    return job.metadata.name ?? '';
  }

  async pods(job: string): Promise<Pod[]> {
    const labelSelector = `job-name=${job}`;
    return (await this.store.list(PODS, { namespace: this.namespace, labelSelector })).items;
  }

  /** The connector of that Job once it has ended. */
  async ended(job: string): Promise<Pod> {
    return await seen(`the end of the connector of ${job}`, async () =>
      (await this.pods(job)).find(({ status }) => ['Succeeded', 'Failed'].includes(status?.phase ?? '')),
    );
  }

  /** What the Job's own controller has counted once the Job is over. */
  async counts(name: string): Promise<{ succeeded: number; failed: number }> {
    return await seen(`the end of ${name}`, async () => {
      const { status } = await this.store.get(BATCH_JOBS, { namespace: this.namespace, name });
      const { succeeded = 0, failed = 0 } = (status ?? {}) as { succeeded?: number; failed?: number };
      const isOver = status?.conditions?.some(
        (one) => ['Complete', 'Failed'].includes(one.type) && one.status === 'True',
      );
      return isOver === true && { succeeded, failed };
    });
  }

  /** Empty as long as there is none. */
  async log({ metadata: { name } }: Pod): Promise<string> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${name}/log`;
    const { statusCode, text } = await this.#call('GET', path);
    return statusCode === 200 ? text : '';
  }

  /** As `kubectl delete job` does it. */
  async remove(job: string): Promise<void> {
    const path = `/apis/batch/v1/namespaces/${this.namespace}/jobs/${job}?propagationPolicy=Background`;
    const { statusCode, text } = await this.#call('DELETE', path);
    assert.equal(statusCode, 200, text);
  }

  /** Nodes and their pods reach this machine by its own address, where the login node listens on loopback only. */
  async #makeWayIn(): Promise<{ address: string; port: number }> {
    const address = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
    assert.ok(address !== undefined, 'this machine has no address that pods could reach');
    const server: Server = createServer((socket) => {
      const onward = connectTo(16022, '127.0.0.1');
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        one.pipe(other);
        one.on('error', () => other.destroy()).on('close', () => other.destroy());
      }
    });
    await once(server.listen(0, address), 'listening');
    this.#undo.push(async () => {
      const closed = once(server, 'close');
      server.close();
      await closed;
    });
    return { address, port: (server.address() as AddressInfo).port };
  }

  async #makeSecret({ address, port }: { address: string; port: number }): Promise<void> {
    const read = (name: string): Promise<string> => readFile(join(this.site.folder, 'ssh', name), 'utf8');
    const config = `Host login
  HostName ${address}
  Port ${port}
  User fermata-hpc
  IdentityFile /etc/hpc-ssh/key
  IdentitiesOnly yes
  HostKeyAlias lab
  UserKnownHostsFile /etc/hpc-ssh/known_hosts
  StrictHostKeyChecking yes
`;
    const files = { config, key: await read('key'), known_hosts: `lab ${await read('host.pub')}` };
    const data = Object.entries(files).map(([name, text]) => [name, Buffer.from(text).toString('base64')]);
    await this.store.create(SECRETS, {
      metadata: { namespace: this.namespace, name: 'hpc-ssh' },
      data: Object.fromEntries(data) as Record<string, string>,
    });
  }

  async #startWebhook(): Promise<void> {
    const { namespace } = this;
    const manifests = parseAllDocuments(await readFile(MANIFESTS, 'utf8')).map((one) => one.toJS() as Manifest);
    await this.#grant(manifests);
    const port = await freePort();
    const webhooks = manifests
      .flatMap((one) => one.webhooks ?? [])
      .map(({ clientConfig: { service }, ...webhook }) => ({
        ...webhook,
        clientConfig: { url: `https://127.0.0.1:${port}${service.path}` },
        namespaceSelector: { matchLabels: { 'fermata.dev/test': 'hpc' } },
      }));
    await this.#make(MUTATING_WEBHOOK_CONFIGURATIONS, { metadata: { name: namespace }, webhooks } as Draft<KubeObject>);

    const proxy = new ImpersonatingProxy(access, `system:serviceaccount:${namespace}:${ROLE}`);
    const server = await proxy.start();
    const folder = await mkdtemp(join(tmpdir(), 'fermata-hpc-role-'));
    const kubeconfig = join(folder, 'kubeconfig');
    const names = { contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }], 'current-context': 'c' };
    const cluster = { clusters: [{ name: 'c', cluster: { server } }], users: [{ name: 'u', user: {} }] };
    await writeFile(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...names, ...cluster }));
    const where = ['--kubeconfig', kubeconfig, '-n', namespace, '--configuration-name', namespace];
    const flags = [...where, '--port', String(port), '--server-name', '127.0.0.1', '--image', this.#image];
    const child = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, 'hpc', 'webhook', ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    this.#undo.push(async () => {
      await ended(child, log);
      await proxy.stop();
      await rm(folder, { recursive: true });
      const refused = proxy.asked.filter(({ status }) => status === 403);
      assert.deepEqual(refused, [], 'the role asked for more than its manifest allows');
    });
    await seen('that the webhook listens', () => {
      assert.equal(child.exitCode, null, log);
      return log.includes('the webhook listens');
    });
  }

  /** The rights of the manifest, for this namespace's own names. */
  async #grant(manifests: readonly Manifest[]): Promise<void> {
    const { namespace } = this;
    const subjects = [{ kind: 'ServiceAccount', name: ROLE, namespace }];
    for (const [index, kind] of BINDING_KINDS.entries()) {
      const found = manifests.find((one) => one.kind === kind.kind) ?? assert.fail(kind.kind);
      const metadata = { name: namespace, ...(kind.namespaced ? { namespace } : {}) };
      const rules = found.rules?.map((rule) =>
        rule.resourceNames?.includes(CONFIGURATION) === true ? { ...rule, resourceNames: [namespace] } : rule,
      );
      const to = BINDING_KINDS[index - 1];
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: to?.kind, name: namespace };
      await this.#make(kind, {
        metadata,
        ...(rules === undefined ? { roleRef, subjects } : { rules }),
      } as Draft<KubeObject>);
    }
  }

  async #make<T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>): Promise<void> {
    const made = await this.store.create(type, draft);
    this.#undo.push(() =>
      this.store.delete(type, made.metadata).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      }),
    );
  }

  async #call(method: 'GET' | 'DELETE', path: string): Promise<{ statusCode: number; text: string }> {
    const { server, token, ca } = access;
    const dispatcher = new Agent({ connect: ca === undefined ? {} : { ca } });
    try {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { statusCode, body } = await request(new URL(path, server), { method, headers, dispatcher });
      return { statusCode, text: await body.text() };
    } finally {
      await dispatcher.close();
    }
  }
}

export interface JobOptions {
  annotations?: Record<string, string>;
  parallelism?: number;
}

async function ended(child: ChildProcess, log: string): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null], log);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const closed = once(server, 'close');
  server.close();
  await closed;
  return port;
}
