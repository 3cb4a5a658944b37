import { copyFileSync, existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { PodDumpRecord } from './archive.ts';
import { ContainerCgroup } from './cgroup.ts';
import type { PodmanClient } from './client.ts';
import type { ContainerIndex } from './containers.ts';
import { criuReason } from './criu-log.ts';
import { CRIU_CONFIG_ANNOTATION } from './labels.ts';
import type { PodmanLayout, PodmanTools } from './layout.ts';
import { closeConnections, lendAddress, takeBackAddress } from './lost-address.ts';
import { mark } from './marks.ts';
import { holdAddress, lockNetwork, releaseAddress, unlockNetwork } from './network-lock.ts';
import { adaptConfiguration, type OciConfiguration, readConfiguration } from './oci.ts';

export interface ContainerToRestore {
  /** Name in the pod's spec. */
  name: string;
  /** Of the container made for it. */
  id: string;
  cgroupsPath: string;
  /** Folder of this container in the checkpoint. */
  directory: string;
  /** Id of the container that was dumped, and of the infra container it shared namespaces of. */
  dumped: { id: string; infra?: string };
  /** Mount destination → folder on this machine. */
  sources: Readonly<Record<string, string>>;
}

/**
 * CRIU ends with every process stopped (SIGSTOP, sent before it lets go of them) instead of running. A hook that waits within CRIU would
 * do without signals, but Podman holds the container's lock meanwhile, and every list of the node's containers waits for that.
 */
const LEAVE_STOPPED = 'leave-stopped\n';

/** CRIU's options for a container that was restored to be held; beside its log, so that it goes with the container. */
function heldConfig(userdata: string): string {
  return join(userdata, 'criu.conf');
}

/** Also what was stopped at the dump: nothing tells the one from the other any more. */
function goOn(cgroup: ContainerCgroup): void {
  for (const pid of cgroup.processes()) {
    try {
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/**
 * Brings created containers to life from a checkpoint. Podman's *in-place* restore is used, for a container that never ran: it
 * finds the images by a link, and the OCI configuration of the dumped container with the new names put in. That is what
 * `--import` does by unpacking an archive, without the archive (half the time at 256 MiB). The checkpoint is only read.
 */
export class ContainerRestorer {
  readonly #clock: Clock;
  readonly #client: PodmanClient;
  readonly #layout: PodmanLayout;
  readonly #tools: PodmanTools;
  readonly #index: ContainerIndex;

  constructor(parts: {
    clock: Clock;
    client: PodmanClient;
    layout: PodmanLayout;
    tools: PodmanTools;
    index: ContainerIndex;
  }) {
    this.#clock = parts.clock;
    this.#client = parts.client;
    this.#layout = parts.layout;
    this.#tools = parts.tools;
    this.#index = parts.index;
  }

  /** While `work` makes and locks a namespace with this address; see {@link holdAddress}. */
  async holding<Result>(address: string | undefined, work: () => Promise<Result>): Promise<Result> {
    if (address === undefined) return work();
    await holdAddress(this.#tools, address);
    try {
      return await work();
    } finally {
      await releaseAddress(this.#tools, address);
    }
  }

  /** Throws FermataError `RestoreFailed` with CRIU's reason; the caller removes what there is of the pod then. */
  async restore(
    containers: readonly ContainerToRestore[],
    options: {
      tcpEstablished: boolean;
      infra: { id: string; pid: number } | undefined;
      /** The pod's address at the dump, when it has another one now and its connections cannot go on. */
      lostAddress: string | undefined;
      /** Connections that do not go on. */
      closing: PodDumpRecord['closing'];
      signal: AbortSignal | undefined;
      /** See `RestoreOptions`. */
      hold: (() => Promise<void>) | undefined;
    },
  ): Promise<void> {
    const { tcpEstablished, infra, lostAddress, closing = [], signal, hold } = options;
    const locked = tcpEstablished && infra !== undefined;
    if (locked) await lockNetwork(this.#tools, infra.pid);
    const isLent = infra !== undefined && lostAddress !== undefined;
    if (isLent) await lendAddress(infra.pid, lostAddress);
    const isHeld = hold !== undefined;
    const results = await Promise.allSettled(
      containers.map((container) => this.#restoreOne(container, infra, isHeld, signal)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    signal?.throwIfAborted();
    if (isLent) await takeBackAddress(infra.pid, lostAddress);
    await hold?.();
    await this.letGo(
      containers.map(({ id }) => id),
      locked || closing.length > 0 ? infra : undefined,
      closing,
    );
  }

  /**
   * Lets restored containers, stopped until now where they were held, run: from here on the restore has happened, and is never
   * done a second time. Also for one whose orderer was killed just before. The network of the pod (`infra`: in a namespace of its own) is
   * unlocked first, and what is to be closed is, before any process could use it.
   */
  async letGo(
    ids: readonly string[],
    infra: { pid: number } | undefined,
    closing: NonNullable<PodDumpRecord['closing']>,
  ): Promise<void> {
    if (infra !== undefined) await unlockNetwork(this.#tools, infra.pid);
    // Behind the lock their peers would not hear of it. A pod without a namespace of its own has this machine's, as we do.
    if (closing.length > 0) await closeConnections(infra?.pid ?? process.pid, closing);
    const restored = await Promise.all(
      ids.map(async (id) => {
        const userdata = this.#layout.userdata(id);
        const { linux } = await readConfiguration(userdata);
        return { userdata, cgroup: ContainerCgroup.at(linux.cgroupsPath ?? '') };
      }),
    );
    // Without a pause in between: no other look at the containers sees a part of it.
    for (const { userdata } of restored) mark(userdata, { restoredAt: this.#clock.now() });
    for (const { userdata, cgroup } of restored) {
      if (existsSync(heldConfig(userdata))) goOn(cgroup);
      cgroup.thaw();
      // Its next dump is made with these options too.
      if (existsSync(heldConfig(userdata))) copyFileSync(this.#layout.criuConfig, heldConfig(userdata));
    }
  }

  async #restoreOne(
    container: ContainerToRestore,
    infra: { id: string; pid: number } | undefined,
    isHeld: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { id, directory } = container;
    const userdata = this.#layout.userdata(id);
    const [inspected, dumpedText] = await Promise.all([
      this.#index.inspect(id, signal),
      readFile(join(directory, 'spec.dump'), 'utf8'),
    ]);
    const dumped = JSON.parse(dumpedText) as OciConfiguration;
    const old = container.dumped;
    const config = adaptConfiguration(dumped, {
      ids: { [old.id]: id, ...(old.infra !== undefined && infra && { [old.infra]: infra.id }) },
      rootPath: join(dirname(inspected.GraphDriver.Data.UpperDir), 'merged'),
      cgroupsPath: container.cgroupsPath,
      sources: container.sources,
      ...(infra && { infraPid: infra.pid }),
    });
    await mkdir(userdata, { recursive: true, mode: 0o700 });
    const criuConfig = isHeld ? heldConfig(userdata) : this.#layout.criuConfig;
    if (isHeld) await writeFile(criuConfig, `${await readFile(this.#layout.criuConfig, 'utf8')}${LEAVE_STOPPED}`);
    config.annotations = { ...config.annotations, [CRIU_CONFIG_ANNOTATION]: criuConfig };
    await writeFile(join(userdata, 'config.json'), JSON.stringify(config), { mode: 0o600 });
    await symlink(join(directory, 'checkpoint'), join(userdata, 'checkpoint'));
    for (const name of ['rootfs-diff.tar', 'deleted.files']) {
      if (existsSync(join(directory, name))) await symlink(join(directory, name), join(userdata, name));
    }
    // The log goes on where it ended.
    if (existsSync(join(directory, 'ctr.log'))) await copyFile(join(directory, 'ctr.log'), join(userdata, 'ctr.log'));
    try {
      await this.#client.call('POST', `/containers/${id}/restore`, {
        query: { tcpEstablished: true, fileLocks: true },
        ...(signal && { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const log = await readFile(join(userdata, 'restore.log'), 'utf8').catch(() => '');
      throw new FermataError('RestoreFailed', `Container ${container.name}: ${criuReason(log) ?? reasonOf(error)}`, {
        cause: error,
      });
    }
  }
}
