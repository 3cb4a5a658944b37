import { formatDuration, type InterruptionPolicy, parseAmount } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { hindranceOfPod } from './checkpointability.ts';
import { type InterruptionRecord, retryAfterFailures } from './interruption-record.ts';
import type { Policies } from './policies.ts';
import type { PreemptionMode } from './preemption-mode.ts';
import { isBeingRestored } from './restore-traffic.ts';

/** What may be done to a pod, and why not. */
export interface Permission {
  readonly checkpoint: boolean;
  readonly terminate: boolean;
  /** Of the policy that holds. */
  readonly timeoutSeconds?: number;
  /** Why one of them (or both) is not possible. */
  readonly excluded?: string;
  /** When the hindrance ends by itself, ms since the epoch. */
  readonly retryAt?: number;
  /** When time alone changes what is said here, which may be before the hindrance ends, ms since the epoch. */
  readonly recheckAt?: number;
  /** Set when it is a failed dump that hinders. */
  readonly dumpFailure?: string;
}

const TERMINATE: Permission = { checkpoint: false, terminate: true };

export interface VictimRulesDependencies {
  policies: Policies;
  record: InterruptionRecord;
  /** Bytes the pod is taken to use. */
  memoryOf: (pod: PodInfo) => number;
}

/** InterruptionPolicy, protection and past failures, brought together into what may be done to a pod. */
export class VictimRules {
  readonly #policies: Policies;
  readonly #record: InterruptionRecord;
  readonly #memoryOf: (pod: PodInfo) => number;

  constructor({ policies, record, memoryOf }: VictimRulesDependencies) {
    this.#policies = policies;
    this.#record = record;
    this.#memoryOf = memoryOf;
  }

  permissionFor(victim: PodInfo, mode: PreemptionMode, now: number): Permission {
    const policy = this.#policies.of(victim.pod);
    const action = policy === undefined ? undefined : (policy.spec.onPreemption ?? 'Checkpoint');
    if (action === 'Never') return refused(`policy ${nameOf(policy)} says Never`);
    // Its deletion would count as its owner's, and its workload as given up.
    if (isBeingRestored(victim)) return refused('is being restored: its checkpoint is all there is of its workload');
    const young = this.#tooYoung(victim, policy, now);
    if (young !== undefined) return young;
    const often = this.#tooOften(victim, policy, now);
    if (often !== undefined) return often;
    // A class that preempts plainly terminates, as in kube-scheduler, but not against the word of a policy.
    const terminate =
      action === 'Terminate' ||
      action === 'CheckpointElseTerminate' ||
      (action === undefined && mode === 'PreemptLowerPriority');
    const mayCheckpoint = action === 'Checkpoint' || mode === 'CheckpointLowerPriority';
    // Without the one, the other: what permits neither was refused above.
    if (!mayCheckpoint || action === 'Terminate') return TERMINATE;
    const hindrance = this.#hindrance(victim, policy, now);
    const timeoutSeconds = policy?.spec.timeoutSeconds;
    return {
      terminate,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...(hindrance === undefined ? { checkpoint: true } : { ...hindrance, checkpoint: false }),
    };
  }

  #tooYoung(victim: PodInfo, policy: InterruptionPolicy | undefined, now: number): Permission | undefined {
    const minimum = (policy?.spec.minimumRunSeconds ?? 0) * 1000;
    const protection = this.#record.protectionOf(victim.workload, now);
    const retryAt = victim.startedAt + Math.max(minimum, protection);
    if (retryAt <= now || Math.max(minimum, protection) === 0) return undefined;
    const left = formatDuration(Math.ceil((retryAt - now) / 1000) * 1000);
    const why =
      protection > minimum
        ? `interrupted ${this.#record.countOf(victim.workload, now)} time(s) in 24 h, protected for ${left} more`
        : `policy ${nameOf(policy)}: minimumRunSeconds not reached for ${left} more`;
    // An interruption that no longer counts shortens the protection.
    return refused(why, retryAt, Math.min(retryAt, this.#record.oldestExpiry(victim.workload)));
  }

  #tooOften(victim: PodInfo, policy: InterruptionPolicy | undefined, now: number): Permission | undefined {
    const limit = policy?.spec.maxInterruptionsPerDay;
    if (limit === undefined || this.#record.countOf(victim.workload, now) < limit) return undefined;
    const expiry = this.#record.oldestExpiry(victim.workload);
    return refused(
      `policy ${nameOf(policy)}: maxInterruptionsPerDay (${limit}) reached`,
      limit > 0 && expiry !== Infinity ? expiry : undefined,
    );
  }

  /** What keeps a pod from being checkpointed, though its policy allows it. */
  #hindrance(
    victim: PodInfo,
    policy: InterruptionPolicy | undefined,
    now: number,
  ): Omit<Permission, 'checkpoint' | 'terminate'> | undefined {
    if (!victim.running) return { excluded: 'is not running yet: there is nothing to checkpoint' };
    const lasting = hindranceOfPod(victim.pod);
    if (lasting !== undefined) return { excluded: `cannot be checkpointed: ${lasting}` };
    const failures = this.#record.failuresOf(victim.uid);
    if (failures !== undefined) {
      const retryAt = retryAfterFailures(failures);
      const ago = formatDuration(Math.max(0, Math.round((now - failures.lastAt) / 1000) * 1000));
      if (retryAt > now) {
        const excluded = `dump failed ${ago} ago: ${failures.reason}`;
        return { excluded, dumpFailure: failures.reason, retryAt, recheckAt: retryAt };
      }
    }
    const limit = policy?.spec.maxCheckpointSize;
    if (limit !== undefined) {
      const bytes = bytesOf(limit);
      if (bytes === undefined)
        return { excluded: `policy ${nameOf(policy)}: maxCheckpointSize "${limit}" is not valid` };
      if (this.#memoryOf(victim) > bytes)
        return { excluded: `policy ${nameOf(policy)}: larger than maxCheckpointSize ${limit}` };
    }
    return undefined;
  }
}

function refused(excluded: string, retryAt?: number, recheckAt = retryAt): Permission {
  return {
    checkpoint: false,
    terminate: false,
    excluded,
    ...(retryAt === undefined ? {} : { retryAt }),
    ...(recheckAt === undefined ? {} : { recheckAt }),
  };
}

function nameOf(policy: InterruptionPolicy | undefined): string {
  return policy === undefined ? 'default' : `${policy.metadata.namespace ?? 'default'}/${policy.metadata.name}`;
}

/** A size nobody can read must not pass for "no limit". */
function bytesOf(quantity: string): number | undefined {
  try {
    return parseAmount('memory', quantity);
  } catch {
    return undefined;
  }
}
