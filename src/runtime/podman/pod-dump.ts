import { accessSync, constants, existsSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDumpStatistics } from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import type { CheckpointOptions, ContainerDump, DumpReport } from '../runtime.ts';
import {
  type DumpedContainer,
  forgetRecord,
  imageDefect,
  imageSizes,
  type PodDumpRecord,
  readRecord,
  writeContainerFiles,
  writeRecord,
} from './archive.ts';
import { ContainerCgroup } from './cgroup.ts';
import type { ContainerIndex, PodmanContainer } from './containers.ts';
import { cutShort, dumpContainer, orphanedDumps } from './criu-dump.ts';
import type { PodmanLayout, PodmanTools } from './layout.ts';
import { awaitsRestore, mark, readMarks } from './marks.ts';
import { pauseMonitor } from './monitor.ts';
import { hasEstablishedTcp, lockNetwork, unlockNetwork } from './network-lock.ts';
import { type OciConfiguration, readConfiguration } from './oci.ts';
import { commandLine } from './processes.ts';
import { rootfsChanges, writeRootfsDiff } from './rootfs-diff.ts';
import { FREEZE_FOLDER } from './settings.ts';

/** A killed process of 1 GiB is gone within tens of milliseconds; one in the kernel's hands may take longer. */
const END_TIMEOUT_MILLISECONDS = 10_000;
/** Each look walks the control groups, on a core that the digests need. */
const END_POLL_MILLISECONDS = 4;
const ORPHAN_POLL_MILLISECONDS = 20;

interface Target {
  container: PodmanContainer;
  userdata: string;
  config: OciConfiguration;
  cgroup: ContainerCgroup;
  /** In the checkpoint. */
  directory: string;
}

/**
 * Dumps pods: all containers or none. Every container is dumped *leave running* and stays frozen behind its dump; when all are
 * complete the frozen processes are killed, and when one failed they are let go. So nothing has to be undone, and at no
 * instant does a process run on behind a dump that counts.
 */
export class PodDumper {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #layout: PodmanLayout;
  readonly #tools: PodmanTools;
  readonly #index: ContainerIndex;

  constructor(parts: { clock: Clock; log: Log; layout: PodmanLayout; tools: PodmanTools; index: ContainerIndex }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#layout = parts.layout;
    this.#tools = parts.tools;
    this.#index = parts.index;
  }

  async dump(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    this.#requireCriu();
    const containers = await this.#index.list(uid, options.signal);
    const running = containers.filter(
      (container) =>
        container.status === 'running' && !awaitsRestore(container, readMarks(this.#layout.userdata(container.id))),
    );
    const targets = await Promise.all(running.map((container) => this.#target(container, options.directory)));
    const first = targets[0];
    if (first === undefined) {
      throw new FermataError('PodNotRunning', `Pod ${uid} has no running container to dump`, {
        nextStep: 'Checkpoint it while it runs.',
      });
    }
    await this.#makeDirectory(options.directory);
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(options.timeoutMilliseconds, () => timeout.abort());
    const signal = options.signal === undefined ? timeout.signal : AbortSignal.any([options.signal, timeout.signal]);
    const shared = targets.length > 1 || first.container.podmanPod !== undefined;
    const tcpEstablished = shared && targets.some((target) => hasEstablishedTcp(target.container.pid));
    try {
      if (tcpEstablished) await lockNetwork(this.#tools, first.container.pid);
      await this.#freezeTogether(targets, options.directory);
      const report = await this.#dumpAll(uid, targets, containers, options, tcpEstablished, signal);
      signal.throwIfAborted();
      timer.cancel();
      if (options.decide !== undefined) await this.#hold(targets, options.decide, report);
      if (options.leaveRunning) {
        await this.#letGo(targets, tcpEstablished);
        return report;
      }
      const ended = this.#end(targets);
      ended.catch(() => {}); // it is up to the caller to hear of it
      return { ...report, ended };
    } catch (error) {
      if (error instanceof Undecided) throw error.cause;
      await this.#undo(targets, options.directory, tcpEstablished);
      if (error instanceof FermataError && error.code === 'DumpRefused') throw error;
      throw this.#explain(error, targets, options, timeout.signal.aborted);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Containers of one pod stand still together before the first of them is dumped: what one does must not depend on what another,
   * dumped earlier, will not have done. CRIU's hook freezes each and then waits for the others by these files; not from here, since
   * runc never comes to call CRIU for a container that is frozen already.
   */
  async #freezeTogether(targets: readonly Target[], directory: string): Promise<void> {
    if (targets.length < 2) return;
    await mkdir(join(directory, FREEZE_FOLDER), { mode: 0o700 });
    await writeFile(join(directory, FREEZE_FOLDER, 'count'), `${targets.length}\n`, { mode: 0o600 });
  }

  /** Throws `DumpRefused`, or {@link Undecided} while it stays held. */
  async #hold(
    targets: readonly Target[],
    decide: NonNullable<CheckpointOptions['decide']>,
    report: DumpReport,
  ): Promise<void> {
    const [first] = targets;
    const pod = `${first?.container.namespace}/${first?.container.pod}`;
    if (!targets.every(({ cgroup }) => cgroup.isFrozen())) {
      throw new FermataError('DumpFailed', `a process of pod ${pod} does not stand still behind its dump`);
    }
    let counts: boolean;
    try {
      counts = await decide({ still: true, report });
    } catch (error) {
      throw new Undecided(error);
    }
    if (!counts) throw new FermataError('DumpRefused', `pod ${pod}: the dump was not to count, and is undone`);
  }

  /** What became of a dump whose orderer is gone. See `PodCheckpointer.recoverDump`. */
  async recover(uid: string, options: CheckpointOptions): Promise<'running' | 'dumped' | 'lost'> {
    const containers = await this.#index.list(uid, options.signal);
    await this.#awaitOrphans(containers, options);
    const fresh = await this.#index.list(uid, options.signal);
    const marked = fresh.filter((container) => readMarks(this.#layout.userdata(container.id)).dump !== undefined);
    const targets = await Promise.all(marked.map((container) => this.#target(container, options.directory)));
    const record = await readRecord(options.directory);
    const alive = targets.filter((target) => target.cgroup.processes().length > 0);
    const others = fresh.filter((container) => !marked.includes(container) && this.#isAlive(container));
    // Frozen since its dump: what is in the directory is all it ever did. Let go again, it has gone on beyond the dump.
    const stands = record?.uid === uid && others.length === 0 && alive.every((target) => target.cgroup.isFrozen());
    if (
      record !== undefined &&
      stands &&
      (options.decide !== undefined || !options.leaveRunning) &&
      (await this.#isComplete(record, options.directory)) &&
      (options.decide === undefined || (await options.decide({ still: true })))
    ) {
      if (options.leaveRunning) await this.#letGo(targets, true);
      else await this.#end(targets);
      return 'dumped';
    }
    // Refused dumps lose their record before a process runs on: one that runs on behind a record may have been let go with it.
    const ran = !stands && record?.uid === uid && options.leaveRunning && options.decide !== undefined;
    if (ran && (await this.#isComplete(record, options.directory)) && (await options.decide?.({ still: false }))) {
      await this.#letGo(targets, true);
      return 'dumped';
    }
    await this.#undo(targets, options.directory, true);
    return fresh.some((container) => this.#isAlive(container)) ? 'running' : 'lost';
  }

  /**
   * Dumps and ends one container that runs although Podman does not know it: Podman was killed while it restored it. What it
   * did since then is not lost so. Throws FermataError `DumpFailed`.
   */
  async rescue(container: PodmanContainer, directory: string): Promise<void> {
    const target = await this.#target(container, directory);
    await this.#makeDirectory(directory);
    try {
      const options = { directory, leaveRunning: false, timeoutMilliseconds: 0 };
      await this.#dumpAll(container.uid, [target], [container], options, false, new AbortController().signal);
    } catch (error) {
      await this.#undo([target], directory, false);
      throw error;
    }
    await this.#end([target]);
  }

  async #dumpAll(
    uid: string,
    targets: readonly Target[],
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
    let failure: NamedFailure | undefined;
    let left = targets.length;
    const results = await Promise.allSettled(
      targets.map(async (target) => {
        try {
          await this.#dumpImages(target, either);
          left -= 1;
          if (left === 0) options.onImages?.();
          return await this.#describe(target, leaveRunning);
        } catch (error) {
          failure ??= new NamedFailure(target.container.name, error);
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
    await writeRecord(directory, {
      version: 1,
      uid,
      namespace: first?.namespace ?? '',
      name: first?.pod ?? '',
      ...(first?.podmanPod !== undefined && { infra: await this.#infraOf(first) }),
      tcpEstablished,
      dumped: dumps.map(({ dumped }) => dumped),
      ended: Object.fromEntries(ended.map((container) => [container.name, endOf(container)])),
    });
    return { containers: dumps.map(({ report }) => report) };
  }

  async #dumpImages({ container, directory, userdata }: Target, signal: AbortSignal): Promise<void> {
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
    { container, config, directory, userdata }: Target,
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

  /** The dump counts: its frozen processes are killed at once, without having run again; resolves when they are gone. */
  async #end(targets: readonly Target[]): Promise<void> {
    for (const target of targets) {
      pauseMonitor(target.container.pid);
      target.cgroup.kill();
    }
    const deadline = this.#clock.now() + END_TIMEOUT_MILLISECONDS;
    for (const target of targets) {
      while (target.cgroup.processes().length > 0) {
        if (this.#clock.now() > deadline) {
          this.#log.warn({ container: target.container.id }, 'killed processes are still there; waiting on');
          await this.#clock.sleep(END_TIMEOUT_MILLISECONDS);
        }
        await this.#clock.sleep(END_POLL_MILLISECONDS);
        target.cgroup.kill();
      }
    }
  }

  /** No dump: every process goes on, and the directory is gone. */
  async #undo(targets: readonly Target[], directory: string, locked: boolean): Promise<void> {
    // The record first: a crash between the two must not leave a dump that seems to count behind processes that went on.
    await forgetRecord(directory);
    await this.#letGo(targets, locked);
    await rm(directory, { recursive: true, force: true });
  }

  async #letGo(targets: readonly Target[], locked: boolean): Promise<void> {
    // All are let go before the network is, and a lock without an nft to undo it was never set.
    for (const target of targets) target.cgroup.thaw();
    const [first] = targets;
    if (locked && first !== undefined) await unlockNetwork(this.#tools, first.container.pid);
    for (const target of targets) mark(target.userdata, { dump: undefined });
  }

  async #awaitOrphans(targets: readonly { id: string; name: string }[], options: CheckpointOptions): Promise<void> {
    const deadline = this.#clock.now() + options.timeoutMilliseconds;
    const ids = targets.map(({ id }) => id);
    for (;;) {
      const orphans = orphanedDumps(ids, options.directory);
      if (orphans.length === 0) return;
      if (this.#clock.now() > deadline) {
        await Promise.all(
          orphans.map((leader) => {
            const ordered = targets.find(({ id }) => commandLine(leader)?.includes(id));
            return cutShort(this.#clock, leader, join(options.directory, ordered?.name ?? '', 'dump.log'));
          }),
        );
      }
      await this.#clock.sleep(ORPHAN_POLL_MILLISECONDS, options.signal);
    }
  }

  async #isComplete(record: PodDumpRecord, directory: string): Promise<boolean> {
    for (const dumped of record.dumped) {
      const defect = await imageDefect(directory, dumped);
      if (defect === undefined) continue;
      this.#log.warn({ directory, defect }, 'dump is not complete');
      return false;
    }
    return true;
  }

  #isAlive(container: PodmanContainer): boolean {
    return container.status === 'running' && existsSync(`/proc/${container.pid}`);
  }

  async #infraOf(container: PodmanContainer): Promise<string> {
    return this.#index.infraOf(container.podmanPod ?? '');
  }

  async #target(container: PodmanContainer, directory: string): Promise<Target> {
    const userdata = this.#layout.userdata(container.id);
    const config = await readConfiguration(userdata);
    const cgroup = ContainerCgroup.at(config.linux.cgroupsPath ?? '');
    return { container, userdata, config, cgroup, directory: join(directory, container.name) };
  }

  async #makeDirectory(directory: string): Promise<void> {
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      throw new FermataError('DumpFailed', `${directory} cannot be made: ${reasonOf(error)}`, { cause: error });
    }
  }

  #requireCriu(): void {
    const path = join(this.#tools.criuDirectory, 'criu');
    try {
      accessSync(path, constants.X_OK);
    } catch (error) {
      throw new FermataError('CheckpointUnsupported', `CRIU is missing: ${path} cannot be run`, {
        cause: error,
        nextStep: 'Run ./fermata doctor; it says how to install CRIU.',
      });
    }
  }

  #explain(error: unknown, targets: readonly Target[], options: CheckpointOptions, timedOut: boolean): unknown {
    if (options.signal?.aborted) return options.signal.reason;
    const pod = `${targets[0]?.container.namespace}/${targets[0]?.container.pod}`;
    if (timedOut) {
      return new FermataError(
        'DumpTimeout',
        `The dump of pod ${pod} took longer than ${options.timeoutMilliseconds} ms`,
        {
          nextStep: 'Give it more time (timeoutSeconds of its InterruptionPolicy).',
        },
      );
    }
    const failure = error instanceof NamedFailure ? error : undefined;
    const cause = failure?.cause ?? error;
    if (cause instanceof FermataError && cause.code === 'CheckpointUnsupported') return cause;
    const where = failure === undefined ? '' : ` container ${failure.container} of`;
    return new FermataError('DumpFailed', `The dump of${where} pod ${pod} failed: ${reasonOf(cause)}`, { cause });
  }
}

/** Nobody has said what becomes of a held dump. */
class Undecided extends Error {
  constructor(cause: unknown) {
    super('the dump is held', { cause });
  }
}

/** Which container's dump failed, and why. */
class NamedFailure extends Error {
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
