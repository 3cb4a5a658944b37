import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import { ContainerCgroup } from './cgroup.ts';
import { type PodmanClient, PodmanError } from './client.ts';
import { runCommand } from './command.ts';
import type { ContainerIndex, PodmanContainer } from './containers.ts';
import { type PodmanLayout, type PodmanTools, RUNC_ROOT } from './layout.ts';
import { awaitsRestore, type ContainerMarks, readMarks } from './marks.ts';
import { resumeMonitors } from './monitor.ts';
import { type OciConfiguration, readConfiguration } from './oci.ts';
import { endRestores, removeRuncState } from './restore-orphans.ts';
import { podmanPodName } from './specification.ts';

const NOT_FOUND = 404;
const END_POLL_MILLISECONDS = 5;
const END_TIMEOUT_MILLISECONDS = 10_000;
const REMOVE_TRIES = 3;
/** Who waits for the room of a pod needs Podman now; nobody waits for Podman's memory of the pod. */
const DISCARD_DELAY_MILLISECONDS = 1_000;

/** Ends and removes pods, and makes sure that no process of theirs is left, whatever Podman believes. */
export class PodRemover {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: PodmanClient;
  readonly #layout: PodmanLayout;
  readonly #tools: PodmanTools;
  readonly #index: ContainerIndex;
  readonly #node: string;
  /** Containers being deleted behind the scenes. */
  readonly #discards = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(
    parts: {
      clock: Clock;
      log: Log;
      client: PodmanClient;
      layout: PodmanLayout;
      tools: PodmanTools;
      index: ContainerIndex;
    },
    node: string,
  ) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#client = parts.client;
    this.#layout = parts.layout;
    this.#tools = parts.tools;
    this.#index = parts.index;
    this.#node = node;
  }

  /**
   * As {@link remove}, but what Podman keeps of a pod that ended with its dump (a layer, a log) is only marked, and deleted
   * later: no process of it is left, nothing of it can be started again, and deleting takes Podman 50–150 ms.
   */
  async release(uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const containers = await this.#index.list(uid, signal);
    if (!this.#endedWithDump(containers)) return this.remove(uid, graceSeconds, signal);
    const groups = await Promise.all(containers.map((container) => this.#groupOf(container)));
    for (const group of groups) group?.kill();
    await this.#awaitEnd(uid, groups, signal);
    for (const { id } of containers) this.#index.markRemoved(id);
    for (const { id } of containers) this.discard(id);
  }

  /** Ends the pod and removes all there is of it. */
  async remove(uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const containers = await this.#index.list(uid, signal);
    const groups = await Promise.all(containers.map((container) => this.#groupOf(container)));
    const alive = containers.filter((container) => container.status === 'running');
    const restoring = containers.filter((container) => awaitsRestore(container, this.#marksOf(container)));
    if (restoring.length > 0) await endRestores(restoring.map(({ id }) => id));
    if (graceSeconds > 0) await this.#terminate(alive, graceSeconds, signal);
    for (const group of groups) group?.kill();
    const results = await Promise.allSettled(
      containers.map((container) => this.#removeContainer(container.id, signal)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await this.#removePodmanPod(uid, signal);
    await removeRuncState(containers.map(({ id }) => id));
    await this.#awaitEnd(uid, groups, signal);
  }

  /** Deletes a container of a removed pod in a while; one that cannot be deleted is found again by the next list. */
  discard(id: string): void {
    if (this.#discards.has(id) || this.#stopped.signal.aborted) return;
    const work = async (): Promise<void> => {
      try {
        await this.#clock.sleep(DISCARD_DELAY_MILLISECONDS, this.#stopped.signal);
        await this.#delete(id, this.#stopped.signal);
      } catch (error) {
        if (!this.#stopped.signal.aborted)
          this.#log.warn({ container: id, reason: reasonOf(error) }, 'container of a removed pod not deleted yet');
      } finally {
        this.#discards.delete(id);
      }
    };
    this.#discards.set(id, work());
  }

  /** Makes sure that Podman keeps nothing of the pod under whose UID another is to be made. */
  async clear(uid: string, signal?: AbortSignal): Promise<void> {
    for (const id of await this.#index.leftOverOf(uid, signal)) await this.#delete(id, signal);
  }

  /** What is not deleted by then is found by whoever starts a runtime on the same folder. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the runtime stops'));
    await Promise.all(this.#discards.values());
  }

  async #delete(id: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#removeContainer(id, signal);
    await removeRuncState([id]);
  }

  /** A pod with namespaces of its own in an infra container is taken down by Podman, addresses and all. */
  #endedWithDump(containers: readonly PodmanContainer[]): boolean {
    return (
      containers.every(({ podmanPod }) => podmanPod === undefined) &&
      containers.some((container) => this.#marksOf(container).dump?.leaveRunning === false)
    );
  }

  async #awaitEnd(
    uid: string,
    groups: readonly (ContainerCgroup | undefined)[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const deadline = this.#clock.now() + END_TIMEOUT_MILLISECONDS;
    while (groups.some((group) => (group?.processes().length ?? 0) > 0)) {
      if (this.#clock.now() > deadline) {
        throw new FermataError('PodRemoveFailed', `Processes of pod ${uid} do not end although they were killed`, {
          nextStep: 'They hang in the kernel (state D): look at the disks and mounts they use.',
        });
      }
      for (const group of groups) group?.kill();
      await this.#clock.sleep(END_POLL_MILLISECONDS, signal);
    }
  }

  /** SIGTERM to the main processes; resolves when they have ended or the time is over. */
  async #terminate(containers: readonly PodmanContainer[], graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const deadline = this.#clock.now() + graceSeconds * 1000;
    const asked = containers.filter(
      ({ id, pid }) => readMarks(this.#layout.userdata(id)).dump === undefined && pid > 0,
    );
    for (const { pid } of asked) terminate(pid);
    while (this.#clock.now() < deadline && asked.some(({ pid }) => existsSync(`/proc/${pid}`))) {
      await this.#clock.sleep(END_POLL_MILLISECONDS, signal);
    }
  }

  #marksOf(container: PodmanContainer): ContainerMarks {
    return readMarks(this.#layout.userdata(container.id));
  }

  async #removeContainer(id: string, signal: AbortSignal | undefined): Promise<void> {
    if (readMarks(this.#layout.userdata(id)).dump !== undefined) resumeMonitors((args) => args.includes(id));
    for (let tries = 1; ; tries++) {
      try {
        await this.#client.call('DELETE', `/containers/${id}`, {
          query: { force: true, timeout: 0, v: true },
          ...(signal && { signal }),
        });
        return;
      } catch (error) {
        if (!(error instanceof PodmanError) || error.status === 0 || signal?.aborted) throw error;
        if (error.status === NOT_FOUND) return;
        if (tries === REMOVE_TRIES) throw error;
        // Cut off in a restore, runc has a container of which Podman knows only that it does not run.
        this.#log.warn(
          { container: id, reason: reasonOf(error) },
          'Podman could not remove a container; by runc, then again',
        );
        await runCommand(this.#tools.runc, ['--root', RUNC_ROOT, 'delete', '--force', id]);
      }
    }
  }

  async #removePodmanPod(uid: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#client.call('DELETE', `/pods/${podmanPodName(this.#node, uid)}`, {
        query: { force: true, timeout: 0 },
        ...(signal && { signal }),
      });
    } catch (error) {
      if (!(error instanceof PodmanError) || error.status !== NOT_FOUND) throw error;
    }
  }

  /** Undefined when the container never got as far as a configuration, and so has no processes. */
  async #groupOf(container: PodmanContainer): Promise<ContainerCgroup | undefined> {
    const userdata = this.#layout.userdata(container.id);
    if (!existsSync(join(userdata, 'config.json'))) return undefined;
    const config: OciConfiguration = await readConfiguration(userdata);
    return ContainerCgroup.at(config.linux.cgroupsPath ?? '');
  }
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
