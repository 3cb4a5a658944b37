import type { Clock } from '../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore } from '../kubernetes/index.ts';
import {
  CHECKPOINTABLE_CONDITION,
  type Condition,
  conditionOf,
  isTerminal,
  keyOf,
  type Log,
  type Pod,
  reasonOf,
} from '../model/index.ts';
import type { CheckpointRuntime, DumpHindrance } from '../runtime/index.ts';
import { PROBE_MILLISECONDS } from './defaults.ts';
import { writePodCondition } from './pod-condition.ts';

export interface CheckpointableMarksParts {
  store: ObjectStore;
  clock: Clock;
  log: Log;
  runtime: Pick<CheckpointRuntime, 'hindrances'>;
  events: Pick<EventRecorder, 'record'>;
  /** Those of this node. */
  pods: () => readonly Pod[];
  /** Whether processes stand still, or may: nothing is looked at then, for a look at many files would hold up their dump. */
  isDumping: () => boolean;
}

/**
 * Says on the pods of this node what keeps them from being checkpointed, before anybody plans to: the condition
 * `fermata.dev/Checkpointable` is False while the runtime sees such a thing in their processes, and True once it no longer does. A
 * pod of which nothing was ever found has no such condition, and costs no write.
 */
export class CheckpointableMarks {
  readonly #parts: CheckpointableMarksParts;

  constructor(parts: CheckpointableMarksParts) {
    this.#parts = parts;
  }

  /** Looks again and again until the signal; at once with a runtime that cannot tell. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#parts.runtime.hindrances === undefined) return;
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.log.warn({ reason: reasonOf(error) }, 'what cannot be checkpointed was not looked for to the end');
      }
      await this.#parts.clock.sleep(PROBE_MILLISECONDS, signal);
    }
  }

  /** One look at all pods. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#parts.isDumping()) return;
    const running = this.#parts.pods().filter(isRunning);
    const hindrances = await this.#parts.runtime.hindrances?.(running, signal);
    for (const pod of running) {
      const change = changeOf(pod, hindrances?.get(pod.metadata.uid));
      if (change !== undefined) await this.#write(pod, change, signal);
    }
  }

  async #write(pod: Pod, condition: Condition, signal: AbortSignal): Promise<void> {
    try {
      await writePodCondition(this.#parts, pod, condition, signal);
    } catch (error) {
      // It is compared again at the next look.
      if (!isApiError(error)) throw error;
      this.#parts.log.warn(
        { pod: keyOf(pod), reason: reasonOf(error) },
        'whether it can be checkpointed was not written',
      );
      return;
    }
    if (condition.status === 'False') {
      this.#parts.events.record(pod, 'Warning', 'NotCheckpointable', condition.message ?? '');
    }
  }
}

/** Pure: the condition to be written; undefined: the pod says already what was found. */
function changeOf(pod: Pod, found: DumpHindrance | undefined): Condition | undefined {
  const said = conditionOf(pod.status?.conditions, CHECKPOINTABLE_CONDITION);
  if (found === undefined) {
    if (said?.status !== 'False') return undefined;
    const message = 'nothing that cannot be dumped is seen any more';
    return { type: CHECKPOINTABLE_CONDITION, status: 'True', reason: 'NothingFound', message };
  }
  const { reason, message } = found;
  if (said?.status === 'False' && said.reason === reason && said.message === message) return undefined;
  return { type: CHECKPOINTABLE_CONDITION, status: 'False', reason, message };
}

function isRunning(pod: Pod): boolean {
  return pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined && !isTerminal(pod);
}
