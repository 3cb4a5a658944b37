import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError, keyOf, type Log, reasonOf } from '../../model/index.ts';
import type { PodToRun, RestoreOptions } from '../runtime.ts';
import { imageDefect, type PodDumpRecord, readRecord } from './archive.ts';
import { ContainerCgroup } from './cgroup.ts';
import { PodmanError } from './client.ts';
import { connectionLoss } from './connection-loss.ts';
import type { ContainerRestorer, ContainerToRestore } from './container-restore.ts';
import type { ContainerIndex, PodmanContainer } from './containers.ts';
import type { PodmanLayout } from './layout.ts';
import { takeBackAddress } from './lost-address.ts';
import { awaitsRestore, readMarks } from './marks.ts';
import { readConfiguration } from './oci.ts';
import type { PodDumper } from './pod-dump.ts';
import type { MadePod, PodMaker } from './pod-maker.ts';
import type { PodRemover } from './pod-removal.ts';
import { isRestoring } from './restore-orphans.ts';

/** Restoring runs at about the disk's speed: what takes longer has come to a stop. */
const RESTORE_TIMEOUT_MILLISECONDS = 30 * 60_000;
/** How long a restore that nobody waits for any more may take to come to its end before it is ended. */
const ORPHAN_TIMEOUT_MILLISECONDS = 60_000;
const ORPHAN_POLL_MILLISECONDS = 20;
const RESTORE_ELSEWHERE = 'Restore from another checkpoint of the workload.';

interface Parts {
  clock: Clock;
  log: Log;
  layout: PodmanLayout;
  index: ContainerIndex;
  maker: PodMaker;
  remover: PodRemover;
  dumper: PodDumper;
  restorer: ContainerRestorer;
}

/** Makes pods from their checkpoints; takes up again what a crash has cut off, so that nothing is done twice. */
export class PodRestorer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * See `PodCheckpointer.restorePod`. A pod that is back already is left as it is. When Podman itself is away, what there is of
   * the pod stays for the next try, since only Podman could say what it is.
   */
  async restore(run: PodToRun, directory: string, options: RestoreOptions): Promise<MadePod | undefined> {
    const { signal } = options;
    const { index, remover } = this.#parts;
    const { uid } = run.pod.metadata;
    const pod = keyOf(run.pod);
    const record = await this.#checkedRecord(pod, directory);
    const before = await index.list(uid, signal);
    const back = this.#broughtBack(before, record);
    if (back !== undefined) {
      await this.#goOn(uid, back, before, record, options);
      return undefined;
    }
    if (before.length > 0) {
      await this.#rescueStrays(uid, before, signal);
      await remover.remove(uid, 0, signal);
    }
    try {
      const address = record.tcpEstablished ? record.address : undefined;
      const work = () => this.#bringBack(run, directory, record, options);
      const made = await this.#parts.restorer.holding(address, work);
      await rm(this.#parts.layout.rescued(uid), { recursive: true, force: true });
      return made;
    } catch (error) {
      if (error instanceof PodmanError && error.status === 0) throw error;
      await remover.remove(uid, 0);
      if (signal?.aborted) throw signal.reason;
      if (!(error instanceof FermataError) || error.code !== 'RestoreFailed') throw error;
      throw new FermataError('RestoreFailed', `Pod ${pod} cannot be restored: ${error.message}`, {
        cause: error.cause,
      });
    }
  }

  async #checkedRecord(pod: string, directory: string): Promise<PodDumpRecord> {
    const record = await readRecord(directory);
    const refused = (reason: string): FermataError =>
      new FermataError('RestoreFailed', `Pod ${pod} cannot be restored: ${reason}`, { nextStep: RESTORE_ELSEWHERE });
    if (record === undefined) throw refused(`${directory} holds no complete dump`);
    for (const dumped of record.dumped) {
      const defect = await imageDefect(directory, dumped);
      if (defect !== undefined) throw refused(defect);
    }
    return record;
  }

  /** An earlier try, cut off with its process, brought all containers back: what was left to do is done. */
  async #goOn(
    uid: string,
    back: readonly string[],
    containers: readonly PodmanContainer[],
    record: PodDumpRecord,
    { hold, onLoss }: RestoreOptions,
  ): Promise<void> {
    const { index, layout, remover, restorer } = this.#parts;
    const isFrozen = containers.some(
      (container) => back.includes(container.id) && awaitsRestore(container, readMarks(layout.userdata(container.id))),
    );
    if (isFrozen && hold !== undefined) {
      try {
        await hold();
      } catch (error) {
        await remover.remove(uid, 0);
        throw error;
      }
    }
    const podmanPod = containers.find((container) => container.podmanPod !== undefined)?.podmanPod;
    const infra = podmanPod === undefined ? undefined : await index.infraProcess(podmanPod);
    const lostAddress = await this.#lostAddress(podmanPod, record, undefined);
    if (infra !== undefined && lostAddress !== undefined) await takeBackAddress(infra.pid, lostAddress);
    await restorer.letGo(back, infra, record.closing ?? []);
    tell(record, lostAddress, onLoss);
  }

  /** The containers, where an earlier try brought every one of them back, whether or not it came to write that down. */
  #broughtBack(containers: readonly PodmanContainer[], record: PodDumpRecord): string[] | undefined {
    const back = containers.filter(
      ({ id, name, status }) =>
        status === 'running' &&
        record.dumped.some((dumped) => dumped.name === name) &&
        readMarks(this.#parts.layout.userdata(id)).dump === undefined,
    );
    return back.length === record.dumped.length ? back.map(({ id }) => id) : undefined;
  }

  async #bringBack(
    run: PodToRun,
    directory: string,
    record: PodDumpRecord,
    { signal, hold, onLoss }: RestoreOptions,
  ): Promise<MadePod> {
    const { clock, index, maker, restorer } = this.#parts;
    const made = await maker.make(run, { directory, record }, signal);
    const infra = made.podmanPod === undefined ? undefined : await index.infraProcess(made.podmanPod, signal);
    const lostAddress = await this.#lostAddress(made.podmanPod, record, signal);
    const containers: ContainerToRestore[] = [];
    for (const { name } of record.dumped) {
      const id = made.ids[name];
      if (id === undefined) continue;
      const source = await this.#sourceOf(run.pod.metadata.uid, name, directory, record);
      containers.push({
        name,
        id,
        ...source,
        cgroupsPath: `${made.cgroupParent}/libpod-${id}`,
        sources: made.sources[name] ?? {},
      });
    }
    const timeout = new AbortController();
    const timer = clock.setTimer(RESTORE_TIMEOUT_MILLISECONDS, () => {
      const minutes = RESTORE_TIMEOUT_MILLISECONDS / 60_000;
      timeout.abort(new FermataError('RestoreFailed', `CRIU did not come to an end within ${minutes} minutes`));
    });
    try {
      const either = signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]);
      const { tcpEstablished, closing } = record;
      await restorer.restore(containers, { tcpEstablished, infra, lostAddress, closing, signal: either, hold });
    } finally {
      timer.cancel();
    }
    tell(record, lostAddress, onLoss);
    return made;
  }

  /** The address the pod had and has not got again, where connections depend on it. */
  async #lostAddress(
    podmanPod: string | undefined,
    record: PodDumpRecord,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const { address, leadingOut = [] } = record;
    if (podmanPod === undefined || address === undefined || leadingOut.length === 0) return undefined;
    return (await this.#parts.index.addressOf(podmanPod, signal)) === address ? undefined : address;
  }

  /** Where a container is restored from: its rescue, if it got beyond the checkpoint in an earlier try. */
  async #sourceOf(
    uid: string,
    name: string,
    directory: string,
    record: PodDumpRecord,
  ): Promise<Pick<ContainerToRestore, 'directory' | 'dumped'>> {
    const rescue = join(this.#parts.layout.rescued(uid), name);
    const rescued = await readRecord(rescue);
    const [from, at] = rescued === undefined ? [record, directory] : [rescued, rescue];
    const id = from.dumped.find((candidate) => candidate.name === name)?.id ?? '';
    return { directory: join(at, name), dumped: { id, ...(from.infra !== undefined && { infra: from.infra }) } };
  }

  /**
   * Podman killed in the middle of a restore: runc and CRIU bring the processes back all the same, and Podman, started again,
   * takes the container for one that never ran. It has run, and what it did must neither be lost nor be done again.
   */
  async #rescueStrays(
    uid: string,
    containers: readonly PodmanContainer[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, dumper, layout, log } = this.#parts;
    const deadline = clock.now() + ORPHAN_TIMEOUT_MILLISECONDS;
    const ids = containers.map(({ id }) => id);
    while (isRestoring(ids) && clock.now() < deadline) await clock.sleep(ORPHAN_POLL_MILLISECONDS, signal);
    for (const container of containers) {
      if (container.restore === undefined || container.status === 'running' || !(await this.#hasProcesses(container)))
        continue;
      const rescue = join(layout.rescued(uid), container.name);
      await rm(`${rescue}.new`, { recursive: true, force: true });
      await mkdir(layout.rescued(uid), { recursive: true, mode: 0o700 });
      try {
        await dumper.rescue(container, `${rescue}.new`);
      } catch (error) {
        const reason = reasonOf(error);
        log.warn(
          { uid, container: container.name, reason },
          'a container restored unknown to Podman could not be saved',
        );
        continue;
      }
      await rm(rescue, { recursive: true, force: true });
      await rename(`${rescue}.new`, rescue);
    }
  }

  async #hasProcesses(container: PodmanContainer): Promise<boolean> {
    const userdata = this.#parts.layout.userdata(container.id);
    if (!existsSync(join(userdata, 'config.json'))) return false;
    const { linux } = await readConfiguration(userdata);
    return ContainerCgroup.at(linux.cgroupsPath ?? '').processes().length > 0;
  }
}

function tell(record: PodDumpRecord, lostAddress: string | undefined, onLoss: RestoreOptions['onLoss']): void {
  const loss = connectionLoss(record, lostAddress);
  if (loss !== undefined) onLoss?.(loss);
}
