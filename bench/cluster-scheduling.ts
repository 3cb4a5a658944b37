import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock } from '../src/clock/index.ts';
import { type HttpStore, Reflector } from '../src/kubernetes/index.ts';
import { FermataError, PODS, type Pod, SILENT_LOG } from '../src/model/index.ts';
import { define, withNamespace } from '../test/cluster/cluster.ts';
import { deletePods, fakePod, inParallel, withFakeNodes } from '../test/cluster/fake-nodes.ts';
import { OWN_COMMAND } from '../test/sandbox-harness.ts';
import { type Load, loadOf, median } from './cluster-processes.ts';

const NODES = 1_000;
/** There already when a scheduler starts; NODES take 110 each. */
const STANDING_PODS = 20_000;
const REST_MILLISECONDS = 10_000;
const LONGEST_MILLISECONDS = 300_000;

export interface SchedulingBenchOptions {
  runs: number;
  pods: number;
  /** Program of kube-scheduler, to be measured beside. Absent: it is not. */
  kubeScheduler?: string;
  onProgress: (text: string) => void;
}

/** Pods a second, medians of the runs. */
interface Rates {
  /** The API server's own: the same writes by a client that decides nothing. */
  apiServer: number;
  fermata: number;
  kubeScheduler?: number;
}

export interface SchedulingFigures {
  nodes: number;
  pods: number;
  runs: number;
  /** All pods are there when the scheduler starts; from the first bind seen to the last. */
  backlog: Rates;
  /** The scheduler runs and pods come as fast as the server takes them; from the first creation to the last bind. */
  live: Rates;
  /** Start of the process until its first bind, milliseconds, with so many pods in the cluster. */
  start: { standingPods: number; fermata: number; kubeScheduler?: number };
  loads: { process: string; when: string; load: Load }[];
}

type Name = 'fermata' | 'kubeScheduler';

export async function benchScheduling(options: SchedulingBenchOptions): Promise<SchedulingFigures> {
  let figures: SchedulingFigures | undefined;
  const folder = await mkdtemp(join(tmpdir(), 'fermata-bench-cluster-'));
  try {
    await withNamespace(async (store, namespace) => {
      await define(store);
      options.onProgress(`${NODES} nodes are made`);
      await withFakeNodes(store, { namespace, count: NODES, cpu: '32' }, async () => {
        figures = await new Track(store, namespace, folder, options).run();
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
  if (figures === undefined) throw new FermataError('BenchFailed', 'nothing was measured');
  return figures;
}

class Track {
  readonly #store: HttpStore;
  readonly #namespace: string;
  readonly #folder: string;
  readonly #options: SchedulingBenchOptions;
  readonly #loads: SchedulingFigures['loads'] = [];

  constructor(store: HttpStore, namespace: string, folder: string, options: SchedulingBenchOptions) {
    this.#store = store;
    this.#namespace = namespace;
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<SchedulingFigures> {
    const { runs, pods, kubeScheduler } = this.#options;
    const names: Name[] = kubeScheduler === undefined ? ['fermata'] : ['fermata', 'kubeScheduler'];
    const backlog: Record<'apiServer' | Name, number[]> = { apiServer: [], fermata: [], kubeScheduler: [] };
    const live: typeof backlog = { apiServer: [], fermata: [], kubeScheduler: [] };
    for (let run = 1; run <= runs; run++) {
      backlog.apiServer.push(await this.#bindByHand(`run ${run}: the API server, backlog`, 'backlog'));
      for (const name of names) backlog[name].push(await this.#backlog(name, run));
      live.apiServer.push(await this.#bindByHand(`run ${run}: the API server, live`, 'live'));
      for (const name of names) live[name].push(await this.#live(name, run));
    }
    const start = await this.#starts(names, runs);
    const rates = (of: typeof backlog): Rates => ({
      apiServer: Math.round(median(of.apiServer)),
      fermata: Math.round(median(of.fermata)),
      ...(kubeScheduler !== undefined && { kubeScheduler: Math.round(median(of.kubeScheduler)) }),
    });
    return { nodes: NODES, pods, runs, backlog: rates(backlog), live: rates(live), start, loads: this.#loads };
  }

  /** Pods are bound by name to one node after the other. */
  async #bindByHand(what: string, how: 'backlog' | 'live'): Promise<number> {
    this.#options.onProgress(what);
    const names = this.#names();
    const created: { pod: Pod; node: string }[] = [];
    const create = async (name: string): Promise<{ pod: Pod; node: string }> => {
      const pod = await this.#store.create(PODS, fakePod(this.#namespace, name, 'nobody'));
      return { pod, node: `fake-${created.length % NODES}-of-${this.#namespace}` };
    };
    const bind = async ({ pod, node }: { pod: Pod; node: string }): Promise<void> => {
      const { name, uid } = pod.metadata;
      await this.#store.bind({ namespace: this.#namespace, name, uid }, node);
    };
    if (how === 'backlog') {
      await inParallel(names, async (name) => {
        created.push(await create(name));
      });
    }
    const began = performance.now();
    if (how === 'backlog') await inParallel(created, bind);
    else
      await inParallel(names, async (name) => {
        const one = await create(name);
        created.push(one);
        await bind(one);
      });
    const seconds = (performance.now() - began) / 1_000;
    await deletePods(this.#store, this.#namespace);
    return names.length / seconds;
  }

  async #backlog(name: Name, run: number): Promise<number> {
    this.#options.onProgress(`run ${run}: ${name}, backlog`);
    const binds = new Binds(this.#store, this.#namespace);
    await binds.start();
    try {
      const pods = this.#names();
      await inParallel(pods, (pod) => this.#store.create(PODS, fakePod(this.#namespace, pod, this.#nameOf(name))));
      const child = await this.#scheduler(name);
      try {
        await binds.seen(1, child);
        const load = await loadOf(child.pid ?? 0, () => binds.seen(pods.length, child));
        if (run === 1) this.#loads.push({ process: name, when: `backlog of ${pods.length} pods`, load });
      } finally {
        await end(child);
      }
      const [first = 0, last = 0] = [binds.times[0], binds.times[pods.length - 1]];
      return ((pods.length - 1) * 1_000) / (last - first);
    } finally {
      await deletePods(this.#store, this.#namespace);
      await binds.stop();
    }
  }

  async #live(name: Name, run: number): Promise<number> {
    this.#options.onProgress(`run ${run}: ${name}, live`);
    const binds = new Binds(this.#store, this.#namespace);
    await binds.start();
    const child = await this.#scheduler(name);
    try {
      const draft = (pod: string) => fakePod(this.#namespace, pod, this.#nameOf(name));
      await this.#store.create(PODS, draft('first'));
      await binds.seen(1, child);
      if (run === 1) {
        const load = await loadOf(child.pid ?? 0, () => pause(REST_MILLISECONDS));
        this.#loads.push({ process: name, when: `at rest, ${NODES} nodes`, load });
      }
      const pods = this.#names();
      const began = performance.now();
      await Promise.all([
        inParallel(pods, (pod) => this.#store.create(PODS, draft(pod))),
        binds.seen(pods.length + 1, child),
      ]);
      return (pods.length * 1_000) / ((binds.times[pods.length] ?? 0) - began);
    } finally {
      await end(child);
      await deletePods(this.#store, this.#namespace);
      await binds.stop();
    }
  }

  /** The pods are created with their node. */
  async #starts(names: readonly Name[], runs: number): Promise<SchedulingFigures['start']> {
    this.#options.onProgress(`${STANDING_PODS} pods are made`);
    const standing = Array.from({ length: STANDING_PODS }, (_, index) => index);
    await inParallel(standing, (index) => {
      const draft = fakePod(this.#namespace, `standing-${index}`, 'nobody');
      const nodeName = `fake-${index % NODES}-of-${this.#namespace}`;
      return this.#store.create(PODS, { ...draft, spec: { ...draft.spec, nodeName } });
    });
    const times: Record<Name, number[]> = { fermata: [], kubeScheduler: [] };
    for (let run = 1; run <= runs; run++) {
      for (const name of names) {
        this.#options.onProgress(`run ${run}: start of ${name}`);
        const pod = `awaited-${name.toLowerCase()}-${run}`;
        await this.#store.create(PODS, fakePod(this.#namespace, pod, this.#nameOf(name)));
        const { resourceVersion } = await this.#store.list(PODS, { namespace: this.#namespace, limit: 1 });
        const began = performance.now();
        const child = await this.#scheduler(name);
        try {
          const signal = AbortSignal.timeout(LONGEST_MILLISECONDS);
          const fieldSelector = `metadata.name=${pod}`;
          const options = { namespace: this.#namespace, fieldSelector, resourceVersion, signal };
          for await (const event of this.#store.watch(PODS, options)) {
            if (event.type !== 'BOOKMARK' && event.object.spec.nodeName !== undefined) break;
          }
          signal.throwIfAborted();
          times[name].push(performance.now() - began);
          if (run === runs) {
            const load = await loadOf(child.pid ?? 0, () => pause(REST_MILLISECONDS));
            this.#loads.push({ process: name, when: `at rest, ${NODES} nodes, ${STANDING_PODS} pods`, load });
          }
        } finally {
          await end(child);
        }
      }
    }
    return {
      standingPods: STANDING_PODS,
      fermata: Math.round(median(times.fermata)),
      ...(names.includes('kubeScheduler') && { kubeScheduler: Math.round(median(times.kubeScheduler)) }),
    };
  }

  #names(): string[] {
    return Array.from({ length: this.#options.pods }, (_, index) => `pod-${index}`);
  }

  #nameOf(name: Name): string {
    return `${name.toLowerCase()}-of-${this.#namespace}`;
  }

  async #scheduler(name: Name): Promise<ChildProcess> {
    const schedulerName = this.#nameOf(name);
    const lease = ['--leader-elect-resource-namespace', this.#namespace];
    const [command, flags] =
      name === 'fermata'
        ? [OWN_COMMAND.command, [...OWN_COMMAND.arguments, 'scheduler', '--scheduler-name', schedulerName, ...lease]]
        : [
            this.#options.kubeScheduler ?? '',
            ['--secure-port=0', '--config', await this.#configuration(schedulerName)],
          ];
    const file = join(this.#folder, `${name}.log`);
    const log = openSync(file, 'w');
    const child = spawn(command, flags, { stdio: ['ignore', log, log] });
    closeSync(log);
    child.once('exit', (status) => {
      if (status !== 0 && status !== null) this.#options.onProgress(readFileSync(file, 'utf8').slice(-1_000));
    });
    return child;
  }

  /** As much as the server gives: by itself it would ask no more than fifty times a second. */
  async #configuration(schedulerName: string): Promise<string> {
    const { minor } = await this.#store.version();
    const version = minor >= 25 ? 'v1' : minor >= 23 ? 'v1beta3' : 'v1beta1';
    const file = join(this.#folder, 'kube-scheduler.yaml');
    const address = `127.0.0.1:${await freePort()}`;
    const configuration = {
      apiVersion: `kubescheduler.config.k8s.io/${version}`,
      kind: 'KubeSchedulerConfiguration',
      clientConnection: { kubeconfig: process.env.KUBECONFIG, qps: 5_000, burst: 5_000 },
      leaderElection: { leaderElect: false },
      // Another one may run on this machine; later ones listen on the secure port alone.
      ...(minor < 23 && { healthzBindAddress: address, metricsBindAddress: address }),
      profiles: [{ schedulerName }],
    };
    await writeFile(file, JSON.stringify(configuration));
    return file;
  }
}

/** When pods of the namespace were first seen to have a node. */
class Binds {
  readonly times: number[] = [];
  readonly #bound = new Set<string>();
  readonly #reflector: Reflector<Pod>;
  #awaited: { count: number; resolve: () => void } | undefined;

  constructor(store: HttpStore, namespace: string) {
    const parts = { store, clock: new SystemClock(), random: Math.random, log: SILENT_LOG };
    this.#reflector = new Reflector(parts, PODS, { namespace, onChange: (pod) => this.#look(pod) });
  }

  async start(): Promise<void> {
    this.#reflector.start();
    await this.#reflector.synced();
  }

  /** Rejects when the process that is to bind them has ended. */
  async seen(count: number, binder: ChildProcess): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onExit = (status: number | null): void =>
      reject(new FermataError('BenchFailed', `${binder.spawnfile} ended with status ${status}`));
    if (binder.exitCode !== null) onExit(binder.exitCode);
    binder.once('exit', onExit);
    this.#awaited = { count, resolve };
    if (this.times.length >= count) resolve();
    const timer = new AbortController();
    const late = pause(LONGEST_MILLISECONDS, undefined, { signal: timer.signal }).then(() => {
      throw new FermataError(
        'BenchFailed',
        `after ${LONGEST_MILLISECONDS / 1_000} s ${this.times.length} of ${count} pods are bound`,
      );
    });
    try {
      await Promise.race([promise, late]);
    } finally {
      binder.off('exit', onExit);
      timer.abort();
      await late.catch(() => undefined);
    }
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  #look({ metadata, spec }: Pod): void {
    if (spec.nodeName === undefined || this.#bound.has(metadata.uid)) return;
    this.#bound.add(metadata.uid);
    this.times.push(performance.now());
    if (this.#awaited !== undefined && this.times.length >= this.#awaited.count) this.#awaited.resolve();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
