import type { Clock } from '../../clock/index.ts';
import { FermataError, keyOf, type Log, type Pod, reasonOf } from '../../model/index.ts';
import type { Returns } from '../../runtime/index.ts';
import { RESTORE_HOLD_MILLISECONDS } from '../defaults.ts';
import { restoredContainers } from './restore-outcome.ts';

/** How soon to look again whether CRIU has brought back what is waited for. */
const BACK_POLL_MILLISECONDS = 100;
/** How soon to try again what failed, the pod standing still meanwhile. */
const RETRY_MILLISECONDS = 1_000;

/** What a pod waits for once it is back; see `RestoreBallot.holdOf`. */
export type Hold = (signal: AbortSignal) => Promise<void>;

export interface HeldRestoresParts {
  returns: Pick<Returns, 'request' | 'pods' | 'stopped' | 'back' | 'release' | 'forget'>;
  clock: Clock;
  log: Log;
  /** Something is to be said of the pod that was not before. */
  changed: (pod: Pod) => void;
}

/** `held`: it stands still, or will. `free`: it runs, and was back at that time. `refused`: it never ran, and never will. */
export type HeldState = { state: 'held' } | { state: 'free'; backAt: number } | { state: 'refused'; message: string };

interface Entry {
  now: HeldState;
  end: AbortController;
  requested: Promise<void>;
  task: Promise<void>;
}

/**
 * Pods of a kubelet that go on all at once: the containers of a pod, and the pods of a group. A kubelet starts one container after the
 * other and holds nothing, so CRIU's hook leaves each one stopped ({@link Returns}); the kubelet sees it run. When all of the pod are back
 * it votes in its group, and goes on with it or never.
 */
export class HeldRestores {
  readonly #parts: HeldRestoresParts;
  readonly #pods = new Map<string, Entry>();

  constructor(parts: HeldRestoresParts) {
    this.#parts = parts;
  }

  /** Before its first container is started, and for a pod that an agent before this one had begun to hold. Idempotent. */
  async begin(pod: Pod, hold: Hold | undefined): Promise<void> {
    const { uid } = pod.metadata;
    const known = this.#pods.get(uid);
    if (known !== undefined) return known.requested;
    const entry: Entry = {
      now: { state: 'held' },
      end: new AbortController(),
      requested: this.#parts.returns.request(uid),
      task: Promise.resolve(),
    };
    this.#pods.set(uid, entry);
    try {
      await entry.requested;
    } catch (error) {
      this.#pods.delete(uid);
      throw error;
    }
    entry.task = this.#run(pod, hold, entry).catch((error: unknown) => {
      if (!entry.end.signal.aborted) throw error;
    });
  }

  /** Undefined: it was not held. */
  stateOf(podUid: string): HeldState | undefined {
    return this.#pods.get(podUid)?.now;
  }

  /** Whether an agent before this one had begun to hold it. */
  async wasBegun(podUid: string): Promise<boolean> {
    return (await this.#parts.returns.pods()).includes(podUid);
  }

  /** Ids of its containers that were stopped as they came back. */
  stopped(podUid: string): Promise<string[]> {
    return this.#parts.returns.stopped(podUid);
  }

  /** The pod is gone. */
  async forget(podUid: string): Promise<void> {
    const entry = this.#pods.get(podUid);
    entry?.end.abort(new Error(`pod ${podUid} is gone`));
    await entry?.task;
    this.#pods.delete(podUid);
    await this.#parts.returns.forget(podUid);
  }

  /** What is held stays so. */
  async stop(): Promise<void> {
    const entries = [...this.#pods.values()];
    for (const { end } of entries) end.abort(new Error('the agent stops'));
    await Promise.all(entries.map(({ task }) => task));
  }

  /** Whatever fails here leaves the pod standing still; so it is tried until it is known what becomes of it. */
  async #run(pod: Pod, hold: Hold | undefined, entry: Entry): Promise<void> {
    const { clock, log, changed } = this.#parts;
    const { signal } = entry.end;
    for (;;) {
      try {
        entry.now = await this.#follow(pod, hold, signal);
        changed(pod);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        log.error(
          { pod: keyOf(pod), reason: reasonOf(error) },
          'a pod that is back stands still, and is looked at again',
        );
        await clock.sleep(RETRY_MILLISECONDS, signal);
      }
    }
  }

  async #follow(pod: Pod, hold: Hold | undefined, signal: AbortSignal): Promise<HeldState> {
    const { clock, returns } = this.#parts;
    const milliseconds = hold === undefined ? Number.POSITIVE_INFINITY : RESTORE_HOLD_MILLISECONDS;
    const late = await this.#allBack(pod, milliseconds, signal);
    if (late !== undefined) return { state: 'refused', message: late };
    const backAt = clock.now();
    try {
      await hold?.(signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof FermataError && error.code === 'RestoreRefused')) throw error;
      return { state: 'refused', message: error.message };
    }
    await returns.release(pod.metadata.uid);
    return { state: 'free', backAt };
  }

  /** Why they are not waited for any longer; undefined: all containers of the pod are back. Who waits for nobody else has time. */
  async #allBack(pod: Pod, milliseconds: number, signal: AbortSignal): Promise<string | undefined> {
    const { returns, clock } = this.#parts;
    const containers = restoredContainers(pod);
    let since: number | undefined;
    for (;;) {
      const { length } = await returns.back(pod.metadata.uid);
      if (length >= containers.length) return undefined;
      if (length > 0) since ??= clock.now();
      if (since !== undefined && clock.now() - since >= milliseconds) {
        return `${length} of ${containers.length} containers were back within ${milliseconds / 1000} s`;
      }
      await clock.sleep(BACK_POLL_MILLISECONDS, signal);
    }
  }
}

/** Whether something waits for something else: it is one of a group, or has several containers. */
export function goesOnAtOnce(pod: Pod, hold: Hold | undefined): boolean {
  return hold !== undefined || restoredContainers(pod).length > 1;
}
