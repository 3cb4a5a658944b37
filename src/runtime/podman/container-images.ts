import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDumpStatistics } from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { reasonOf } from '../../model/index.ts';
import { outsideConnections, refuseOutside } from '../outside-connections.ts';
import type { CheckpointOptions, ContainerDump, DumpReport } from '../runtime.ts';
import { establishedConnections, leadingOut } from '../tcp-connections.ts';
import { type DumpedContainer, imageSizes, writeContainerFiles, writeRecord } from './archive.ts';
import type { ContainerIndex, PodmanContainer } from './containers.ts';
import { dumpContainer } from './criu-dump.ts';
import type { DumpTarget } from './dump-target.ts';
import type { PodmanLayout, PodmanTools } from './layout.ts';
import { mark } from './marks.ts';
import { rootfsChanges, writeRootfsDiff } from './rootfs-diff.ts';
import { FREEZE_FOLDER } from './settings.ts';

/** Has CRIU write the images of a pod's containers, all or none, and adds what belongs to them. */
export class ContainerImages {
  readonly #clock: Clock;
  readonly #layout: PodmanLayout;
  readonly #tools: PodmanTools;
  readonly #index: ContainerIndex;

  constructor(parts: { clock: Clock; layout: PodmanLayout; tools: PodmanTools; index: ContainerIndex }) {
    this.#clock = parts.clock;
    this.#layout = parts.layout;
    this.#tools = parts.tools;
    this.#index = parts.index;
  }

  /**
   * Containers of one pod stand still together before the first of them is dumped: what one does must not depend on what another,
   * dumped earlier, will not have done. CRIU's hook freezes each and then waits for the others by these files; not from here, since
   * runc never comes to call CRIU for a container that is frozen already.
   */
  async freezeTogether(targets: readonly DumpTarget[], directory: string): Promise<void> {
    if (targets.length < 2) return;
    await mkdir(join(directory, FREEZE_FOLDER), { mode: 0o700 });
    await writeFile(join(directory, FREEZE_FOLDER, 'count'), `${targets.length}\n`, { mode: 0o600 });
  }

  /** Dumps every target, and writes down what belongs to the checkpoint. Rejects with {@link ContainerFailure}. */
  async dump(
    uid: string,
    targets: readonly DumpTarget[],
    containers: readonly PodmanContainer[],
    options: CheckpointOptions,
    tcpEstablished: boolean,
    signal: AbortSignal,
  ): Promise<DumpReport> {
    const { directory, leaveRunning } = options;
    for (const target of targets) mark(target.userdata, { dump: { directory, leaveRunning } });
    // One failed, the others' dumps are of no use: cut them short, and wait until they are.
    const others = new AbortController();
    const either = AbortSignal.any([signal, others.signal]);
    let failure: ContainerFailure | undefined;
    let left = targets.length;
    const results = await Promise.allSettled(
      targets.map(async (target) => {
        try {
          await this.#dumpImages(target, either);
          left -= 1;
          if (left === 0) options.onImages?.();
          return await this.#describe(target, leaveRunning);
        } catch (error) {
          failure ??= new ContainerFailure(target.container.name, error);
          others.abort(error);
          throw error;
        }
      }),
    );
    if (failure !== undefined) throw failure;
    await rm(join(directory, FREEZE_FOLDER), { recursive: true, force: true });
    const dumps = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const ended = containers.filter((container) => container.status === 'exited' || isAsItEnded(container));
    const [first] = containers;
    const address = first?.podmanPod === undefined ? undefined : await this.#index.addressOf(first.podmanPod);
    const connections = leadingOut(establishedConnections(targets[0]?.container.pid ?? 0));
    // Once more, now that all stand still: one may have been opened after the first look.
    const { outside } = options;
    refuseOutside(`${first?.namespace}/${first?.pod}`, processesOf(targets), outside);
    const closing = outside?.policy === 'Close' ? outsideConnections(processesOf(targets), outside.members) : [];
    await writeRecord(directory, {
      version: 1,
      uid,
      namespace: first?.namespace ?? '',
      name: first?.pod ?? '',
      ...(first?.podmanPod !== undefined && { infra: await this.#index.infraOf(first.podmanPod) }),
      tcpEstablished,
      ...(address !== undefined && {
        address,
        leadingOut: connections.map(({ remoteAddress, remotePort }) => `${remoteAddress}:${remotePort}`),
      }),
      ...(closing.length > 0 && { closing: closing.map(({ inode: _, pid: __, command: ___, ...ends }) => ends) }),
      dumped: dumps.map(({ dumped }) => dumped),
      ended: Object.fromEntries(ended.map((container) => [container.name, endOf(container)])),
    });
    return { containers: dumps.map(({ report }) => report) };
  }

  async #dumpImages({ container, directory, userdata }: DumpTarget, signal: AbortSignal): Promise<void> {
    try {
      await dumpContainer(
        { clock: this.#clock, layout: this.#layout, tools: this.#tools },
        container.id,
        directory,
        signal,
      );
    } catch (error) {
      // The directory goes; the whole log stays where Podman would have left it, until the next dump.
      if (existsSync(join(directory, 'dump.log')))
        await copyFile(join(directory, 'dump.log'), join(userdata, 'dump.log'));
      throw error;
    }
  }

  /** What belongs to the checkpoint beside CRIU's images. */
  async #describe(
    { container, config, directory, userdata }: DumpTarget,
    leaveRunning: boolean,
  ): Promise<{ report: ContainerDump; dumped: DumpedContainer }> {
    const mountPoints = config.mounts.map((mount) => mount.destination);
    const [changes, images, statistics] = await Promise.all([
      rootfsChanges(config.root.path, mountPoints),
      imageSizes(directory),
      readDumpStatistics(directory),
      writeContainerFiles(
        directory,
        container,
        config,
        { path: join(userdata, 'ctr.log'), final: !leaveRunning },
        this.#clock.now(),
      ),
    ]);
    await writeRootfsDiff(config.root.path, changes, directory);
    const { name, id, image, imageID } = container;
    const sizeBytes = Object.values(images).reduce((sum, size) => sum + size, 0);
    const { freezingMicroseconds, frozenMicroseconds, memdumpMicroseconds, memwriteMicroseconds } = statistics;
    const times = { freezingMicroseconds, frozenMicroseconds, memdumpMicroseconds, memwriteMicroseconds };
    return { report: { name, image, sizeBytes, ...times }, dumped: { name, id, image, imageID, images } };
  }
}

export function processesOf(targets: readonly DumpTarget[]): number[] {
  return targets.flatMap(({ cgroup }) => cgroup.processes());
}

/** Which container's dump failed, and why. */
export class ContainerFailure extends Error {
  readonly container: string;

  constructor(container: string, cause: unknown) {
    super(reasonOf(cause), { cause });
    this.container = container;
  }
}

/** It had ended before the dump its pod was restored from, and was not started since. */
function isAsItEnded(container: PodmanContainer): boolean {
  return container.status === 'created' && container.ended !== undefined;
}

function endOf(container: PodmanContainer): string {
  if (container.status === 'created' && container.ended !== undefined) return container.ended;
  return `${container.exitCode ?? 0}:${container.startedAt ?? 0}:${container.finishedAt ?? 0}`;
}
