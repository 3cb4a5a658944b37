import { accessSync, constants, existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, reasonOf } from '../../model/index.ts';
import { refuseOutside } from '../outside-connections.ts';
import type { CheckpointOptions, DumpReport } from '../runtime.ts';
import { establishedConnections } from '../tcp-connections.ts';
import { imageDefect, type PodDumpRecord, readRecord } from './archive.ts';
import { ContainerFailure, ContainerImages, processesOf } from './container-images.ts';
import type { ContainerIndex, PodmanContainer } from './containers.ts';
import { cutShort, orphanedDumps } from './criu-dump.ts';
import { type DumpTarget, targetOf } from './dump-target.ts';
import { FrozenProcesses } from './frozen-processes.ts';
import type { PodmanLayout, PodmanTools } from './layout.ts';
import { awaitsRestore, readMarks } from './marks.ts';
import { lockNetwork } from './network-lock.ts';
import { commandLine, isDying as isDyingProcess } from './processes.ts';

/** Of whoever ordered the dump, or in its name: there is nothing to explain. */
const REFUSALS: ReadonlySet<string> = new Set(['DumpRefused', 'ConnectionsOutside']);
const ORPHAN_POLL_MILLISECONDS = 20;

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
  readonly #images: ContainerImages;
  readonly #frozen: FrozenProcesses;

  constructor(parts: { clock: Clock; log: Log; layout: PodmanLayout; tools: PodmanTools; index: ContainerIndex }) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#layout = parts.layout;
    this.#tools = parts.tools;
    this.#index = parts.index;
    this.#images = new ContainerImages(parts);
    this.#frozen = new FrozenProcesses(parts);
  }

  async dump(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    this.#requireCriu();
    const containers = await this.#index.list(uid, options.signal);
    const running = containers.filter(
      (container) =>
        container.status === 'running' && !awaitsRestore(container, readMarks(this.#layout.userdata(container.id))),
    );
    const targets = await Promise.all(running.map((container) => targetOf(this.#layout, container, options.directory)));
    const first = targets[0];
    if (first === undefined) {
      throw new FermataError('PodNotRunning', `Pod ${uid} has no running container to dump`, {
        nextStep: 'Checkpoint it while it runs.',
      });
    }
    const pod = `${first.container.namespace}/${first.container.pod}`;
    refuseOutside(pod, processesOf(targets), options.outside);
    await this.#makeDirectory(options.directory);
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(options.timeoutMilliseconds, () => timeout.abort());
    const signal = options.signal === undefined ? timeout.signal : AbortSignal.any([options.signal, timeout.signal]);
    const shared = first.container.podmanPod !== undefined;
    const tcpEstablished = shared && targets.some((target) => establishedConnections(target.container.pid).length > 0);
    try {
      if (tcpEstablished) await lockNetwork(this.#tools, first.container.pid);
      // Of a container that is frozen already runc never comes to call CRIU: it runs for as long as that takes to start.
      for (const { cgroup } of targets) cgroup.thaw();
      await this.#images.freezeTogether(targets, options.directory);
      const report = await this.#images.dump(uid, targets, containers, options, tcpEstablished, signal);
      signal.throwIfAborted();
      timer.cancel();
      if (options.decide !== undefined) await this.#hold(targets, options.decide, report);
      if (options.leaveRunning) {
        await this.#frozen.letGo(targets, tcpEstablished);
        return report;
      }
      const ended = this.#frozen.end(targets);
      ended.catch(() => {}); // it is up to the caller to hear of it
      return { ...report, ended };
    } catch (error) {
      if (error instanceof Undecided) throw error.cause;
      await this.#frozen.undo(targets, options.directory, tcpEstablished);
      if (error instanceof FermataError && REFUSALS.has(error.code)) throw error;
      throw this.#explain(error, targets, options, timeout.signal.aborted);
    } finally {
      timer.cancel();
    }
  }

  /** Stops the containers that run, for as long as nothing else becomes of them. See `PodFreezer`. */
  async freeze(uid: string, signal?: AbortSignal): Promise<void> {
    for (const { cgroup } of await this.#undumped(uid, signal)) cgroup.freeze();
  }

  async thaw(uid: string, signal?: AbortSignal): Promise<void> {
    for (const { cgroup } of await this.#undumped(uid, signal)) cgroup.thaw();
  }

  /** The containers that run, and do not stand still behind a dump or ahead of their restore. */
  async #undumped(uid: string, signal: AbortSignal | undefined): Promise<DumpTarget[]> {
    const containers = (await this.#index.list(uid, signal)).filter((container) => {
      const marks = readMarks(this.#layout.userdata(container.id));
      return this.#isAlive(container) && marks.dump === undefined && !awaitsRestore(container, marks);
    });
    return Promise.all(containers.map((container) => targetOf(this.#layout, container, '')));
  }

  /** Throws `DumpRefused`, or {@link Undecided} while it stays held. */
  async #hold(
    targets: readonly DumpTarget[],
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
    const targets = await Promise.all(marked.map((container) => targetOf(this.#layout, container, options.directory)));
    await this.thaw(uid, options.signal);
    const record = await readRecord(options.directory);
    const alive = await this.#awaitDying(targets, options.signal);
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
      if (options.leaveRunning) await this.#frozen.letGo(targets, true);
      else await this.#frozen.end(targets);
      return 'dumped';
    }
    // Refused dumps lose their record before a process runs on: one that runs on behind a record may have been let go with it.
    const ran = !stands && record?.uid === uid && options.leaveRunning && options.decide !== undefined;
    if (ran && (await this.#isComplete(record, options.directory)) && (await options.decide?.({ still: false }))) {
      await this.#frozen.letGo(targets, true);
      return 'dumped';
    }
    await this.#frozen.undo(targets, options.directory, true);
    return fresh.some((container) => this.#isAlive(container)) ? 'running' : 'lost';
  }

  /**
   * Dumps and ends one container that runs although Podman does not know it: Podman was killed while it restored it. What it
   * did since then is not lost so. Throws FermataError `DumpFailed`.
   */
  async rescue(container: PodmanContainer, directory: string): Promise<void> {
    const target = await targetOf(this.#layout, container, directory);
    await this.#makeDirectory(directory);
    try {
      const options = { directory, leaveRunning: false, timeoutMilliseconds: 0 };
      await this.#images.dump(container.uid, [target], [container], options, false, new AbortController().signal);
    } catch (error) {
      await this.#frozen.undo([target], directory, false);
      throw error;
    }
    await this.#frozen.end([target]);
  }

  /**
   * The targets with processes that stand still or run on. Those of a dump that counts may be dying, killed by whoever died
   * then itself: they are thawed for it, execute nothing any more, and are waited for. Seen twice, since between being told to
   * end and ending a process shows neither.
   */
  async #awaitDying(targets: readonly DumpTarget[], signal: AbortSignal | undefined): Promise<DumpTarget[]> {
    for (let seenRunning = 0; ; ) {
      const alive = targets.filter((target) => target.cgroup.processes().length > 0);
      const thawed = alive.filter((target) => !target.cgroup.isFrozen());
      if (thawed.length === 0) return alive;
      const isDying = thawed.every((target) => target.cgroup.processes().every(isDyingProcess));
      seenRunning = isDying ? 0 : seenRunning + 1;
      if (seenRunning === 2) return alive;
      await this.#clock.sleep(ORPHAN_POLL_MILLISECONDS, signal);
    }
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

  #explain(error: unknown, targets: readonly DumpTarget[], options: CheckpointOptions, timedOut: boolean): unknown {
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
    const failure = error instanceof ContainerFailure ? error : undefined;
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
