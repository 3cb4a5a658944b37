import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyDump } from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { FermataError, type Log, type Pod, reasonOf } from '../../model/index.ts';
import type { CheckpointRuntime } from '../checkpoint-runtime.ts';
import { connectionsOutside, REFUSED_BY_POLICY } from '../outside-connections.ts';
import { type DumpHindrance, dumpHindrances } from '../probing/index.ts';
import type { CheckpointOptions, DumpReport, HeldDump, OutsideConnections, PodObservation } from '../runtime.ts';
import { removeArchives, unpackArchive } from './container-archive.ts';
import { dumpError } from './dump-errors.ts';
import { type DumpRecord, readRecord, removeRecord, writeRecord } from './dump-record.ts';
import { type DumpTarget, isToBeHeld, targetsOf } from './dump-targets.ts';
import { EndpointDumps } from './endpoint-dumps.ts';
import { installHoldHook } from './hold-hook.ts';
import { Holds } from './holds.ts';
import { HostProcesses } from './host-processes.ts';
import type { KubeletEndpoint } from './kubelet-endpoint.ts';
import { NodeAbility } from './node-ability.ts';
import { observe } from './observation.ts';
import { Returns } from './returns.ts';
import type { UpstreamCheckpoints } from './upstream-checkpoints.ts';
import { UpstreamDumps } from './upstream-dumps.ts';

/** The kubelet's own limit is asked for; when it says nothing this much later it is not waited for any longer. */
const ANSWER_GRACE_MILLISECONDS = 15_000;
/** How soon to look again whether a pod that is held is gone. */
const GONE_POLL_MILLISECONDS = 200;
/** A signal is sent before it is acted on; until then its process does nothing else, but may not look stopped yet. */
const STOP_MILLISECONDS = 2_000;
const STOP_POLL_MILLISECONDS = 10;

export interface KubeletRuntimeParts {
  kubelet: KubeletEndpoint;
  /** Dumps that may be made so are, where the cluster has such. Default: none is. */
  upstream?: UpstreamCheckpoints | undefined;
  /** The pods of this node as the API server has them. */
  pods(signal?: AbortSignal): Promise<readonly Pod[]>;
  clock: Clock;
  log: Log;
  /** Default: those of this machine. */
  processes?: HostProcesses;
  /** Sends a signal to a process of the machine. Default `process.kill`. */
  signal?: (pid: number, name: NodeJS.Signals) => void;
}

export interface KubeletRuntimeOptions {
  /** Where this process sees the node's `/`. Default `/`. */
  root?: string;
}

/**
 * Checkpoints pods of a node that nothing was changed on: by the kubelet's checkpoint endpoint (KEP-2008), or its own `PodCheckpoint`
 * (KEP-5823) where that is served and may be used; what fails so is done by the endpoint. Either way the kubelet leaves containers
 * running behind a dump, so what they do then would be done again after the restore; a hook of CRIU holds them (see
 * {@link installHoldHook}) until their pod is gone or the dump is given up. It makes no containers: that is the kubelet's business.
 *
 * Needs root, the node's PID namespace, and the node's file system.
 */
export class KubeletRuntime implements CheckpointRuntime {
  /** Pods that stand still while they are restored. */
  readonly returns: Returns;
  readonly #parts: KubeletRuntimeParts;
  readonly #kubelet: NodeAbility;
  readonly #endpoint: EndpointDumps;
  readonly #upstream: UpstreamDumps | undefined;
  readonly #processes: HostProcesses;
  readonly #holds: Holds;
  readonly #root: string;
  readonly #signal: (pid: number, name: NodeJS.Signals) => void;

  constructor(parts: KubeletRuntimeParts, options: KubeletRuntimeOptions = {}) {
    this.#parts = parts;
    this.#kubelet = new NodeAbility(parts.kubelet, parts.clock);
    this.#root = options.root ?? '/';
    const { upstream, clock } = parts;
    this.#upstream = upstream && new UpstreamDumps({ upstream, clock }, this.#root);
    this.#processes = parts.processes ?? new HostProcesses();
    const signal = parts.signal ?? ((pid, name) => process.kill(pid, name));
    this.#signal = (pid, name) => {
      try {
        signal(pid, name);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
    };
    const shared = { clock: parts.clock, log: parts.log, processes: this.#processes, signal: this.#signal };
    this.#holds = new Holds(shared, this.#root);
    this.#endpoint = new EndpointDumps({ kubelet: this.#kubelet, holds: this.#holds, clock }, this.#root);
    this.returns = new Returns(shared, this.#root);
  }

  /** Puts the hook on the node. To be called before the first dump; again, it does nothing. */
  async prepare(): Promise<void> {
    await installHoldHook(this.#root);
  }

  async list(signal?: AbortSignal): Promise<PodObservation[]> {
    const pods = await this.#parts.pods(signal);
    const stopped = new Set<string>();
    for (const uid of await this.#holds.pods()) for (const id of await this.#holds.stopped(uid)) stopped.add(id);
    return observe(pods, {
      processes: this.#processes.ofPods(),
      stopped,
      memoryBytes: (pid) => this.#processes.memoryBytes(pid),
    });
  }

  async hindrances(pods: readonly Pod[], signal: AbortSignal): Promise<ReadonlyMap<string, DumpHindrance>> {
    const message = await this.#kubelet.lack(signal);
    if (message === undefined) return dumpHindrances(pods, { root: this.#root });
    return new Map(pods.map(({ metadata }) => [metadata.uid, { reason: 'UnsupportedRuntime', message }]));
  }

  /** Tells of pods that were held and are gone: for their room somebody waits. */
  async *changes(signal: AbortSignal): AsyncIterable<string> {
    while (!signal.aborted) {
      const held = await this.#holds.pods();
      if (held.length > 0) {
        const present = new Set(this.#processes.ofPods().map(({ podUid }) => podUid));
        for (const uid of held) {
          if (present.has(uid)) continue;
          await this.#holds.forget(uid);
          yield uid;
        }
      }
      try {
        await this.#parts.clock.sleep(GONE_POLL_MILLISECONDS, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  /** Nothing is removed: what was held goes on, for all of its processes are there. */
  async removePod(uid: string): Promise<void> {
    await this.#holds.release(uid);
  }

  async checkpointPod(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    await this.returns.mustNotHold(uid);
    if (options.upstream !== true || this.#upstream?.mayBeServed !== true) return this.#byEndpoint(uid, options);
    const done = await this.#byUpstream(uid, options, this.#upstream);
    if (!(done instanceof FermataError)) return done;
    // Most clusters have none of it.
    const level = done.code === 'CheckpointUnsupported' ? 'debug' : 'warn';
    this.#parts.log[level]({ pod: uid, reason: done.message }, "the kubelet's checkpoint endpoint is used instead");
    return this.#byEndpoint(uid, options);
  }

  async discardDump(directory: string): Promise<void> {
    await this.#upstream?.discard(directory);
  }

  /** What is returned instead of a report is why there is none, and nothing of it is left. */
  async #byUpstream(
    uid: string,
    options: CheckpointOptions,
    upstream: UpstreamDumps,
  ): Promise<DumpReport | FermataError> {
    const { directory, leaveRunning, timeoutMilliseconds, signal = new AbortController().signal } = options;
    const pod = (await this.#parts.pods(signal)).find(({ metadata }) => metadata.uid === uid);
    const targets = targetsOf(uid, pod, this.#processes.ofPods());
    if (options.outside?.policy === 'Refuse') this.#refuseOutside(uid, pod, options.outside);
    const since = this.#parts.clock.now();
    const containers = Object.fromEntries(targets.map(({ name, id }) => [name, id]));
    await makeDirectory(directory);
    try {
      // Whoever carries it out pauses all containers before it dumps the first (CheckpointPod of the CRI).
      if (!leaveRunning) await this.#holds.request(uid, Object.values(containers), 1);
      const { namespace = '', name } = pod?.metadata ?? { name: '' };
      const source = { namespace, name, uid, nodeName: pod?.spec.nodeName ?? '', containers: targets };
      const record = await upstream.take(source, directory, timeoutMilliseconds, signal);
      if (!leaveRunning) await this.#requireStandstill(uid, targets);
      if (options.outside?.policy === 'Refuse') this.#refuseOutside(uid, pod, options.outside);
      await writeRecord(directory, { podUid: uid, containers, upstream: true });
      options.onImages?.();
      signal.throwIfAborted();
      return { containers: [], upstream: record };
    } catch (error) {
      await this.#undo(uid, targets, directory, since);
      if (signal.aborted) throw signal.reason;
      if (error instanceof FermataError) return error;
      throw error;
    }
  }

  async #byEndpoint(uid: string, options: CheckpointOptions): Promise<DumpReport> {
    const pod = (await this.#parts.pods(options.signal)).find(({ metadata }) => metadata.uid === uid);
    const targets = targetsOf(uid, pod, this.#processes.ofPods());
    this.#refuseOutside(uid, pod, options.outside);
    const since = this.#parts.clock.now();
    await makeDirectory(options.directory);
    const late = new AbortController();
    const timer = this.#parts.clock.setTimer(options.timeoutMilliseconds + ANSWER_GRACE_MILLISECONDS, () =>
      late.abort(),
    );
    const signal = options.signal === undefined ? late.signal : AbortSignal.any([options.signal, late.signal]);
    const held = isToBeHeld(options, targets);
    let decided: DecisionMissing | undefined;
    try {
      if (held)
        await this.#holds.request(
          uid,
          targets.map(({ id }) => id),
        );
      const archives = await this.#endpoint.take(uid, targets, options.timeoutMilliseconds, signal);
      if (held) await this.#requireStandstill(uid, targets);
      this.#refuseOutside(uid, pod, options.outside);
      const containers: DumpReport['containers'] = [];
      for (const [index, { name, image }] of targets.entries()) {
        const archive = archives[index] ?? '';
        containers.push(await unpackArchive(archive, join(options.directory, name), { name, image }, signal));
        await rm(archive, { force: true });
      }
      await verifyDump(
        options.directory,
        targets.map(({ name }) => name),
      );
      await writeRecord(options.directory, {
        podUid: uid,
        containers: Object.fromEntries(targets.map(({ name, id }) => [name, id])),
      });
      options.onImages?.();
      signal.throwIfAborted();
      timer.cancel();
      const report: DumpReport = { containers };
      if (options.decide !== undefined) decided = await this.#decide(uid, options.decide, { still: true, report });
      if (decided === undefined && options.leaveRunning && held) await this.#holds.release(uid);
      if (decided === undefined) return report;
    } catch (error) {
      await this.#undo(uid, targets, options.directory, since);
      if (options.signal?.aborted) throw options.signal.reason;
      throw dumpError(error, pod, late.signal.aborted ? options.timeoutMilliseconds : undefined);
    } finally {
      timer.cancel();
    }
    throw decided.cause;
  }

  async recoverDump(uid: string, options: CheckpointOptions): Promise<'running' | 'dumped' | 'lost'> {
    const since = await this.#holds.since(uid);
    const record = await readRecord(options.directory);
    const ids = record?.podUid === uid ? Object.values(record.containers) : [];
    const stopped = await this.#holds.stopped(uid);
    const processes = this.#containersOf(uid);
    const stands =
      record !== undefined &&
      ids.length > 0 &&
      ids.every((id) => stopped.includes(id)) &&
      processes.every(({ pid, containerId = '' }) => !ids.includes(containerId) || this.#processes.standsStill(pid));
    if (
      stands &&
      (options.decide !== undefined || !options.leaveRunning) &&
      (await this.#isWhole(options.directory, record))
    ) {
      if (options.decide === undefined || (await options.decide({ still: true }))) {
        if (options.leaveRunning) await this.#holds.release(uid);
        return 'dumped';
      }
    }
    const pod = (await this.#parts.pods(options.signal)).find(({ metadata }) => metadata.uid === uid);
    const containers = (pod?.spec.containers ?? []).map(({ name }) => ({
      name,
      id: '',
      image: '',
      namespace: pod?.metadata.namespace ?? '',
      pod: pod?.metadata.name ?? '',
    }));
    await this.#undo(uid, containers, options.directory, since ?? this.#parts.clock.now());
    return this.#containersOf(uid).length > 0 ? 'running' : 'lost';
  }

  /** What a kubelet restores has another address; and which of its connections are closed then nobody can tell CRIU. */
  #refuseOutside(uid: string, pod: Pod | undefined, outside: OutsideConnections | undefined): void {
    if (outside === undefined || outside.policy === 'Keep') return;
    const found = this.#processes.outsideConnections(uid, outside.members);
    if (found.length === 0) return;
    const why = outside.policy === 'Close' ? 'a kubelet cannot close them when it restores' : REFUSED_BY_POLICY;
    throw connectionsOutside(`${pod?.metadata.namespace}/${pod?.metadata.name}`, found, why);
  }

  async #requireStandstill(uid: string, targets: readonly DumpTarget[]): Promise<void> {
    const stopped = await this.#holds.stopped(uid);
    const missing = targets.find(({ id }) => !stopped.includes(id));
    if (missing !== undefined) {
      throw new FermataError(
        'CheckpointUnsupported',
        `container ${missing.name} was dumped, but CRIU did not run Fermata's hook on this node`,
        {
          nextStep: 'see that the container runtime reads /etc/criu/runc.conf or /etc/criu/crun.conf',
        },
      );
    }
    const ids = new Set(targets.map(({ id }) => id));
    const deadline = this.#parts.clock.now() + STOP_MILLISECONDS;
    for (;;) {
      const runner = this.#containersOf(uid).find(
        ({ pid, containerId = '' }) => ids.has(containerId) && !this.#processes.standsStill(pid),
      );
      if (runner === undefined) return;
      if (this.#parts.clock.now() > deadline) {
        throw new FermataError('DumpFailed', `process ${runner.pid} does not stand still behind its dump`);
      }
      await this.#parts.clock.sleep(STOP_POLL_MILLISECONDS);
    }
  }

  /** Throws `DumpRefused`. What is returned stays held. */
  async #decide(
    uid: string,
    decide: NonNullable<CheckpointOptions['decide']>,
    held: HeldDump,
  ): Promise<DecisionMissing | undefined> {
    let counts: boolean;
    try {
      counts = await decide(held);
    } catch (error) {
      return { cause: error };
    }
    if (!counts) throw new FermataError('DumpRefused', `pod ${uid}: the dump was not to count, and is undone`);
    return undefined;
  }

  async #isWhole(directory: string, record: DumpRecord): Promise<boolean> {
    if (record.upstream === true) return (await this.#upstream?.isThere(directory)) === true;
    try {
      await verifyDump(directory, Object.keys(record.containers));
      return true;
    } catch (error) {
      this.#parts.log.warn({ directory, reason: reasonOf(error) }, 'a dump that was cut off is not whole');
      return false;
    }
  }

  /** No dump: nothing of it is left, then every process goes on. */
  async #undo(uid: string, targets: readonly DumpTarget[], directory: string, since: number): Promise<void> {
    // The record first: a crash between the two must not leave a dump that seems to count behind processes that went on.
    await removeRecord(directory);
    try {
      await this.discardDump(directory);
    } finally {
      await this.#holds.release(uid);
    }
    for (const { id } of targets) if (id !== '') await this.#holds.dumpEnded(id);
    await rm(directory, { recursive: true, force: true });
    for (const { namespace, pod, name } of targets) {
      await removeArchives(join(this.#root, KUBELET_CHECKPOINTS), { namespace, pod, container: name }, since);
    }
  }

  #containersOf(uid: string) {
    return this.#processes.ofPods().filter(({ podUid, containerId }) => podUid === uid && containerId !== undefined);
  }
}

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    throw new FermataError('DumpFailed', `${directory} cannot be made: ${reasonOf(error)}`, { cause: error });
  });
}

/** Nobody has said what becomes of a held dump. */
interface DecisionMissing {
  cause: unknown;
}

/** Of a kubelet whose `--root-dir` is the default. */
const KUBELET_CHECKPOINTS = '/var/lib/kubelet/checkpoints';
