import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, type Pod, reasonOf } from '../../model/index.ts';
import { type DumpHindrance, dumpHindrances } from '../probing/index.ts';
import type {
  CheckpointOptions,
  DumpReport,
  LogOptions,
  PodObservation,
  PodToRun,
  RestoreOptions,
  Runtime,
} from '../runtime.ts';
import { ContainerCgroup } from './cgroup.ts';
import { PodmanClient, PodmanError } from './client.ts';
import { ContainerRestorer } from './container-restore.ts';
import { ContainerIndex, type PodmanContainer } from './containers.ts';
import { ExitWatch } from './exit-watch.ts';
import { readLog } from './k8s-log.ts';
import { PodmanLayout, type PodmanTools } from './layout.ts';
import { awaitsRestore, mark, readMarks } from './marks.ts';
import { observePods } from './observation.ts';
import { readConfiguration } from './oci.ts';
import { PodDumper } from './pod-dump.ts';
import { type MadePod, PodMaker } from './pod-maker.ts';
import { PodRemover } from './pod-removal.ts';
import { PodRestorer } from './pod-restore.ts';
import { isDying } from './processes.ts';

export interface PodmanRuntimeOptions {
  /** Folder and socket of the `PodmanService` this uses; several runtimes may share one. */
  directory: string;
  socket: string;
  /** Name of the node whose pods these are. */
  node: string;
  tools: PodmanTools;
  /** What pods get unless they ask for the host's network. Default `none`: loopback only, nothing to leak. */
  network?: 'none' | 'bridge';
}

/** Real containers by Podman and runc, frozen and thawed by CRIU, on this machine; as root. */
export class PodmanRuntime implements Runtime {
  readonly name = 'podman';
  readonly layout: PodmanLayout;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: PodmanClient;
  readonly #index: ContainerIndex;
  readonly #maker: PodMaker;
  readonly #dumper: PodDumper;
  readonly #restorer: PodRestorer;
  readonly #remover: PodRemover;
  readonly #exits: ExitWatch;
  readonly #options: PodmanRuntimeOptions;
  /** Container id → what is asked of it when it ends; refreshed by each list. */
  readonly #known = new Map<string, { uid: string; cgroup?: ContainerCgroup }>();
  readonly #listeners = new Set<(uid: string) => void>();
  /** Last operation of each pod: they follow one another. */
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #stopped = new AbortController();

  constructor(parts: { clock: Clock; log: Log }, options: PodmanRuntimeOptions) {
    const { clock, log } = parts;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
    this.layout = new PodmanLayout(options.directory, options.socket);
    const { layout } = this;
    const client = new PodmanClient(options.socket);
    const index = new ContainerIndex({ client, layout }, options.node);
    this.#client = client;
    this.#index = index;
    this.#maker = new PodMaker({ client, layout, clock }, { node: options.node, network: options.network ?? 'none' });
    this.#dumper = new PodDumper({ clock, log, layout, tools: options.tools, index });
    this.#remover = new PodRemover({ clock, log, client, layout, tools: options.tools, index }, options.node);
    const restorer = new ContainerRestorer({ clock, client, layout, tools: options.tools, index });
    this.#restorer = new PodRestorer({
      ...{ clock, log, layout, index, restorer },
      ...{ maker: this.#maker, remover: this.#remover, dumper: this.#dumper },
    });
    this.#exits = new ExitWatch({ log }, layout.exits, (id) => this.#onExit(id));
  }

  createPod(run: PodToRun, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(run.pod.metadata.uid, async () => {
      await this.#remover.clear(run.pod.metadata.uid, signal);
      const made = await this.#maker.make(run, undefined, signal);
      this.#remember(run, made);
      // What is left to do for a start is then to let runc's waiting process go: 25 ms instead of 90.
      await Promise.all(Object.values(made.ids).map((id) => this.#initialize(id, signal)));
      this.#tell(run.pod.metadata.uid);
    });
  }

  async hindrances(pods: readonly Pod[]): Promise<ReadonlyMap<string, DumpHindrance>> {
    return dumpHindrances(pods);
  }

  startContainer(uid: string, container: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(uid, async () => {
      const found = await this.#find(uid, container, signal);
      const userdata = this.layout.userdata(found.id);
      const marks = readMarks(userdata);
      const where = `Container ${container} of pod ${found.namespace}/${found.pod}`;
      if (marks.dump !== undefined) {
        throw new FermataError(
          'ContainerStartFailed',
          `${where} is frozen behind its checkpoint and must not run again`,
          {
            nextStep: 'Restore it from the checkpoint.',
          },
        );
      }
      if (awaitsRestore(found, marks)) {
        throw new FermataError(
          'ContainerStartFailed',
          `${where} is to be restored from ${found.restore}, not started from scratch`,
          {
            nextStep: 'Restore the pod, or remove it.',
          },
        );
      }
      if (found.status === 'exited') {
        const log = join(userdata, 'ctr.log');
        if (existsSync(log)) await rename(log, `${log}.previous`);
      }
      this.#exits.start();
      // Ahead of the start: it may have reached its memory limit before Podman has said that it runs.
      if (existsSync(join(userdata, 'config.json'))) await this.#noteCgroup(found.id, uid);
      if (found.status !== 'running') mark(userdata, { outOfMemory: undefined, startedAt: this.#clock.now() });
      try {
        await this.#client.call('POST', `/containers/${found.id}/start`, { ...(signal && { signal }) });
      } catch (error) {
        if (!(error instanceof PodmanError) || error.status === 0) throw error;
        throw new FermataError('ContainerStartFailed', `${where} cannot be started: ${startReason(error.message)}`, {
          cause: error,
        });
      }
      if (this.#known.get(found.id)?.cgroup === undefined) await this.#noteCgroup(found.id, uid);
      this.#tell(uid);
    });
  }

  removePod(uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(uid, async () => {
      await this.#remover.release(uid, graceSeconds, signal);
      await rm(this.layout.rescued(uid), { recursive: true, force: true });
    });
  }

  async list(signal?: AbortSignal): Promise<PodObservation[]> {
    this.#exits.start();
    const containers = await this.#index.list(undefined, signal);
    for (const id of this.#index.leftOver) this.#remover.discard(id);
    const present = new Set(containers.map((container) => container.id));
    for (const id of this.#known.keys()) if (!present.has(id)) this.#known.delete(id);
    await Promise.all(
      containers.map(async (container) => {
        const known = this.#known.get(container.id);
        if (container.status === 'running' && known?.cgroup === undefined)
          await this.#noteCgroup(container.id, container.uid);
        else if (known === undefined) this.#known.set(container.id, { uid: container.uid });
      }),
    );
    const seen = await Promise.all(
      containers.map(async (container) => {
        const cgroup = this.#known.get(container.id)?.cgroup;
        const memoryBytes = container.status === 'running' ? cgroup?.memoryBytes() : undefined;
        const podIP = await this.#addressOf(container, signal);
        const marks = readMarks(this.layout.userdata(container.id));
        // Podman says `running` until conmon has told it of the end; behind a dump the processes themselves are the truth.
        const over =
          marks.dump !== undefined && container.status === 'running' && cgroup?.processes().every(isDying) === true;
        return {
          container: over ? { ...container, status: 'exited' as const } : container,
          marks,
          ...(memoryBytes !== undefined && { memoryBytes }),
          ...(podIP !== undefined && { podIP }),
        };
      }),
    );
    return observePods(seen);
  }

  async *changes(signal: AbortSignal): AsyncGenerator<string> {
    const waiting = new Set<string>();
    let wake = (): void => {};
    const listener = (uid: string): void => {
      waiting.add(uid);
      wake();
    };
    const ended = AbortSignal.any([signal, this.#stopped.signal]);
    this.#listeners.add(listener);
    try {
      this.#exits.start();
      while (!ended.aborted) {
        for (const uid of [...waiting]) {
          waiting.delete(uid);
          yield uid;
        }
        if (waiting.size > 0) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
          ended.addEventListener('abort', () => resolve(), { once: true });
          if (waiting.size > 0 || ended.aborted) resolve();
        });
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async *logs(uid: string, container: string, options: LogOptions): AsyncGenerator<Uint8Array> {
    const found = await this.#find(uid, container, options.signal);
    const log = join(this.layout.userdata(found.id), 'ctr.log');
    if (options.previous === true) {
      const { follow: _, ...rest } = options;
      yield* readLog(`${log}.previous`, rest, this.#clock, async () => true);
      return;
    }
    yield* readLog(log, options, this.#clock, async () => {
      const now = (await this.#index.list(uid, options.signal)).find((candidate) => candidate.id === found.id);
      return now === undefined || now.status === 'exited' || (found.startedAt ?? now.startedAt) !== now.startedAt;
    });
  }

  checkpointPod(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    return this.#inTurn(uid, async () => {
      try {
        const report = await this.#dumper.dump(uid, options);
        report.ended?.then(
          () => this.#tell(uid),
          () => {}, // whoever ordered the dump is told
        );
        return report;
      } catch (error) {
        // It may have failed before it came to letting go a pod that was frozen.
        await this.#dumper.thaw(uid);
        throw error;
      } finally {
        this.#tell(uid);
      }
    });
  }

  freezePod(uid: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(uid, () => this.#dumper.freeze(uid, signal));
  }

  thawPod(uid: string, signal?: AbortSignal): Promise<void> {
    return this.#inTurn(uid, () => this.#dumper.thaw(uid, signal));
  }

  recoverDump(uid: string, options: CheckpointOptions): Promise<'running' | 'dumped' | 'lost'> {
    return this.#inTurn(uid, async () => {
      try {
        return await this.#dumper.recover(uid, options);
      } finally {
        this.#tell(uid);
      }
    });
  }

  restorePod(run: PodToRun, directory: string, options: RestoreOptions = {}): Promise<void> {
    const { uid } = run.pod.metadata;
    return this.#inTurn(uid, async () => {
      try {
        await this.#remover.clear(uid, options.signal);
        const made = await this.#restorer.restore(run, directory, options);
        for (const id of Object.values(made?.ids ?? {})) await this.#noteCgroup(id, uid);
      } finally {
        this.#tell(uid);
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#exits.stop();
    await Promise.all([this.#remover.stop(), this.#client.close()]);
  }

  async #initialize(id: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#client.call('POST', `/containers/${id}/init`, { ...(signal && { signal }) });
    } catch (error) {
      // Already past it, or its command cannot be run: starting it says so, at the right place.
      if (!(error instanceof PodmanError) || error.status === 0) throw error;
      this.#log.debug({ container: id, reason: reasonOf(error) }, 'container not made ready ahead of its start');
    }
  }

  async #find(uid: string, name: string, signal: AbortSignal | undefined): Promise<PodmanContainer> {
    const containers = await this.#index.list(uid, signal);
    const found = containers.find((container) => container.name === name);
    if (found !== undefined) return found;
    throw new FermataError('ContainerNotFound', `Pod ${uid} has no container "${name}" on node ${this.#options.node}`, {
      nextStep:
        containers.length === 0
          ? 'Create the pod first.'
          : `It has: ${containers.map((each) => each.name).join(', ')}.`,
    });
  }

  async #addressOf(container: PodmanContainer, signal: AbortSignal | undefined): Promise<string | undefined> {
    if (this.#options.network !== 'bridge' || container.podmanPod === undefined) return undefined;
    return this.#index.addressOf(container.podmanPod, signal);
  }

  #remember(run: PodToRun, made: MadePod): void {
    for (const id of Object.values(made.ids)) this.#known.set(id, { uid: run.pod.metadata.uid });
  }

  /** So that at its end it can be asked, before the group is gone, whether its memory limit ended it. */
  async #noteCgroup(id: string, uid: string): Promise<void> {
    try {
      const config = await readConfiguration(this.layout.userdata(id));
      this.#known.set(id, { uid, cgroup: ContainerCgroup.at(config.linux.cgroupsPath ?? '') });
    } catch (error) {
      this.#known.set(id, { uid });
      this.#log.debug({ container: id, reason: reasonOf(error) }, 'container has no configuration yet');
    }
  }

  #onExit(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    if (known.cgroup?.outOfMemory() === true) mark(this.layout.userdata(id), { outOfMemory: true });
    this.#tell(known.uid);
  }

  #tell(uid: string): void {
    for (const listener of this.#listeners) listener(uid);
  }

  /** One operation of a pod after the other, in the order they were asked for. */
  #inTurn<T>(uid: string, operation: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(uid) ?? Promise.resolve();
    const result = before.then(operation, operation);
    const tail = result.then(
      () => {},
      () => {}, // whoever asked for it is told
    );
    this.#tails.set(uid, tail);
    void tail.then(() => {
      if (this.#tails.get(uid) === tail) this.#tails.delete(uid);
    });
    return result;
  }
}

/** Podman's chain of causes, cut to what the OCI runtime said. */
function startReason(message: string): string {
  return (
    /OCI runtime (?:error|command not found error|attempted.*?): (?<reason>.*)$/s.exec(message)?.groups?.reason ??
    message
  );
}
