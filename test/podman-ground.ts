import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { locateToolchain } from '../src/cli/index.ts';
import { SystemClock } from '../src/clock/index.ts';
import { type Container, type Pod, type PodSpec, SILENT_LOG } from '../src/model/index.ts';
import {
  type ContainerObservation,
  DEMO_ENVIRONMENT,
  DEMO_IMAGE,
  DEMO_PROGRAM,
  PodmanRuntime,
  PodmanService,
  type PodmanTools,
  type PodToRun,
} from '../src/runtime/index.ts';

/** Why these tests cannot run here; undefined when they can. */
export async function missingParts(): Promise<string | undefined> {
  const { problems } = await locateToolchain();
  return problems.length === 0 ? undefined : problems.map(({ problem }) => problem).join('; ');
}

/** A Podman of the tests' own, with as many node runtimes over it as asked for. */
export class PodmanGround {
  readonly clock = new SystemClock();
  readonly folder: string;
  readonly tools: PodmanTools;
  readonly service: PodmanService;
  readonly #runtimes: PodmanRuntime[] = [];
  #pods = 0;

  private constructor(folder: string, tools: PodmanTools) {
    this.folder = folder;
    this.tools = tools;
    this.service = new PodmanService({ clock: this.clock, log: SILENT_LOG }, { ...this.place(), tools });
  }

  /** FERMATA_TEST_PODMAN and FERMATA_TEST_CRIU_DIRECTORY name other versions than the ones found, to try them out. */
  static async open(): Promise<PodmanGround> {
    const { podman, runc, criu } = await locateToolchain();
    assert.ok(podman && runc && criu);
    const folder = await mkdtemp(join(tmpdir(), 'fermata-podman-'));
    const ground = new PodmanGround(folder, {
      podman: process.env.FERMATA_TEST_PODMAN ?? podman.path,
      runc: runc.path,
      criuDirectory: process.env.FERMATA_TEST_CRIU_DIRECTORY ?? criu.binDirectory,
    });
    await ground.service.start();
    await ground.service.ensureImages();
    return ground;
  }

  place(): { directory: string; socket: string } {
    return { directory: join(this.folder, 'podman'), socket: join(this.folder, 'podman.sock') };
  }

  runtime(options: Partial<ConstructorParameters<typeof PodmanRuntime>[1]> = {}): PodmanRuntime {
    const runtime = new PodmanRuntime(
      { clock: this.clock, log: SILENT_LOG },
      { ...this.place(), node: 'node-1', tools: this.tools, ...options },
    );
    this.#runtimes.push(runtime);
    return runtime;
  }

  async close(): Promise<void> {
    for (const runtime of this.#runtimes) await runtime.stop();
    await this.service.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A folder of its own for every name. */
  async directory(name: string): Promise<string> {
    const path = join(this.folder, name);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** A pod of these containers; images and names are filled in. `uid` is new for every call. */
  pod(
    containers: readonly Partial<Container>[],
    spec: Partial<Omit<PodSpec, 'containers'>> = {},
    volumes: Readonly<Record<string, string>> = {},
  ): PodToRun & { pod: Pod } {
    const uid = `uid-${++this.#pods}`;
    const metadata = {
      name: `pod-${this.#pods}`,
      namespace: 'default',
      uid,
      resourceVersion: '1',
      creationTimestamp: '',
    };
    const named = containers.map(
      (container, index): Container => ({
        name: index === 0 ? 'main' : `side-${index}`,
        image: DEMO_IMAGE,
        ...container,
      }),
    );
    const environment = Object.fromEntries(
      named.map(({ name, env }) => [
        name,
        Object.fromEntries((env ?? []).map((each) => [each.name, each.value ?? ''])),
      ]),
    );
    return {
      pod: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, containers: named } },
      volumes,
      environment,
    };
  }

  /** The same pod as its next incarnation. */
  next(run: PodToRun, volumes: Readonly<Record<string, string>> = run.volumes): PodToRun {
    const metadata = { ...run.pod.metadata, uid: `uid-${++this.#pods}` };
    return { ...run, pod: { ...run.pod, metadata }, volumes };
  }
}

/** The counting program as a container; each step 20 ms, appended to /work/steps on volume `work`. */
export function counter(
  settings: Partial<Record<keyof typeof DEMO_ENVIRONMENT, number | string>> = {},
  rest: Partial<Container> = {},
): Partial<Container> {
  const all = { stepMilliseconds: 20, output: '/work/steps', ...settings };
  return {
    command: ['perl', '-e', DEMO_PROGRAM],
    env: Object.entries(all).map(([name, value]) => ({
      name: DEMO_ENVIRONMENT[name as keyof typeof DEMO_ENVIRONMENT],
      value: String(value),
    })),
    volumeMounts: [{ name: 'work', mountPath: '/work' }],
    ...rest,
  };
}

export const perl = (script: string, rest: Partial<Container> = {}): Partial<Container> => ({
  command: ['perl', '-e', script],
  ...rest,
});

/** Steps in the file, checked to be 1, 2, 3 … without one lost or doubled. */
export async function steps(folder: string): Promise<number> {
  const text = await readFile(join(folder, 'steps'), 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  lines.forEach((line, index) => {
    assert.equal(line, `step ${index + 1}`);
  });
  return lines.length;
}

/** Polls until `look` gives something other than undefined or false. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  milliseconds = 15_000,
): Promise<T> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as T;
    assert.ok(Date.now() < deadline, `waited ${milliseconds} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function observed(
  runtime: PodmanRuntime,
  uid: string,
  container = 'main',
): Promise<ContainerObservation | undefined> {
  const pod = (await runtime.list()).find((candidate) => candidate.uid === uid);
  return pod?.containers.find((candidate) => candidate.name === container);
}

export async function logOf(runtime: PodmanRuntime, uid: string, container = 'main', options = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of runtime.logs(uid, container, options)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export async function begin(runtime: PodmanRuntime, run: PodToRun): Promise<string> {
  await runtime.createPod(run);
  for (const { name } of run.pod.spec.containers) await runtime.startContainer(run.pod.metadata.uid, name);
  return run.pod.metadata.uid;
}

export async function run(file: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(file, args)).stdout;
}
