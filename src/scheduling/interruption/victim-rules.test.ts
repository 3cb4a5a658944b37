import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptionPolicySpec } from '../../model/index.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, pod, policy } from '../testing.ts';
import { InterruptionRecord } from './interruption-record.ts';
import { Policies } from './policies.ts';
import type { PreemptionMode } from './preemption-mode.ts';
import { type Permission, VictimRules } from './victim-rules.ts';

const MIB = 2 ** 20;
const HOUR = 3_600_000;

interface Case {
  policy?: InterruptionPolicySpec;
  mode?: PreemptionMode;
  /** Seconds ago. */
  interrupted?: number[];
  failed?: number[];
  /** Seconds for which the pod runs; default an hour. */
  runs?: number;
  memory?: number;
  wants: Partial<Permission>;
}

const CASES: Record<string, Case> = {
  'without a policy it is checkpointed': { wants: { checkpoint: true, terminate: false } },
  'a class that preempts plainly terminates': {
    mode: 'PreemptLowerPriority',
    wants: { checkpoint: false, terminate: true },
  },
  'but not against the word of a policy': {
    mode: 'PreemptLowerPriority',
    policy: { onPreemption: 'Checkpoint' },
    wants: { checkpoint: true, terminate: false },
  },
  'either, where the policy says so': {
    policy: { onPreemption: 'CheckpointElseTerminate', timeoutSeconds: 7 },
    wants: { checkpoint: true, terminate: true, timeoutSeconds: 7 },
  },
  'exactly as large as allowed is not too large': {
    policy: { maxCheckpointSize: '256Mi' },
    memory: 256 * MIB,
    wants: { checkpoint: true, terminate: false },
  },
  'a byte more is': {
    policy: { maxCheckpointSize: '256Mi' },
    memory: 256 * MIB + 1,
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'policy default/x: larger than maxCheckpointSize 256Mi',
    },
  },
  'what is too large may be terminated where the policy says so': {
    policy: { maxCheckpointSize: '256Mi', onPreemption: 'CheckpointElseTerminate' },
    memory: 256 * MIB + 1,
    wants: {
      checkpoint: false,
      terminate: true,
      excluded: 'policy default/x: larger than maxCheckpointSize 256Mi',
    },
  },
  'a dump that failed keeps it off for 30 s': {
    failed: [12],
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'dump failed 12s ago: no space',
      dumpFailure: 'no space',
      retryAt: EPOCH + HOUR + 18_000,
      recheckAt: EPOCH + HOUR + 18_000,
    },
  },
  'after that it is tried again': { failed: [30], wants: { checkpoint: true, terminate: false } },
  'a pod that has run as long as it must may go': {
    policy: { minimumRunSeconds: 60 },
    runs: 60,
    wants: { checkpoint: true, terminate: false },
  },
  'one that has not says how long it is left alone': {
    policy: { minimumRunSeconds: 60 },
    runs: 59,
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'policy default/x: minimumRunSeconds not reached for 1s more',
      retryAt: EPOCH + HOUR + 1_000,
      recheckAt: EPOCH + HOUR + 1_000,
    },
  },
  'a protection as long as the policy demands is the policy’s': {
    policy: { minimumRunSeconds: 10 },
    interrupted: [5],
    runs: 5,
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'policy default/x: minimumRunSeconds not reached for 5s more',
      retryAt: EPOCH + HOUR + 5_000,
      recheckAt: EPOCH + HOUR + 5_000,
    },
  },
  'the longer of the two holds': {
    policy: { minimumRunSeconds: 10 },
    interrupted: [100, 5],
    runs: 5,
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'interrupted 2 time(s) in 24 h, protected for 15s more',
      retryAt: EPOCH + HOUR + 15_000,
      recheckAt: EPOCH + HOUR + 15_000,
    },
  },
  'a protection that time shortens is looked at again before it ends': {
    policy: {},
    interrupted: [86_399, 5],
    runs: 5,
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'interrupted 2 time(s) in 24 h, protected for 15s more',
      retryAt: EPOCH + HOUR + 15_000,
      recheckAt: EPOCH + HOUR + 1_000,
    },
  },
  'as often as allowed in a day is enough': {
    policy: { maxInterruptionsPerDay: 1 },
    interrupted: [86_000],
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'policy default/x: maxInterruptionsPerDay (1) reached',
      retryAt: EPOCH + HOUR + 400_000,
      recheckAt: EPOCH + HOUR + 400_000,
    },
  },
  'once less is not': {
    policy: { maxInterruptionsPerDay: 2 },
    interrupted: [86_000],
    wants: { checkpoint: true, terminate: false },
  },
  'where none is allowed, none will ever be': {
    policy: { maxInterruptionsPerDay: 0 },
    wants: {
      checkpoint: false,
      terminate: false,
      excluded: 'policy default/x: maxInterruptionsPerDay (0) reached',
    },
  },
};

for (const [sentence, given] of Object.entries(CASES)) {
  test(`what may be done to a pod: ${sentence}`, () => {
    const now = EPOCH + HOUR;
    const [policies, record] = [new Policies(), new InterruptionRecord()];
    if (given.policy !== undefined) policies.put(policy('x', given.policy));
    for (const ago of given.interrupted ?? []) record.interrupted('default/w', `i${ago}`, now - ago * 1000);
    for (const ago of given.failed ?? []) record.failed('uid-a', `f${ago}`, 'no space', now - ago * 1000);
    const { space, templates } = new Cluster();
    const since = HOUR - (given.runs ?? 3_600) * 1000;
    const info = podInfo(pod('a').workload('w').on('n1', since).build(), space, templates);
    const rules = new VictimRules({ policies, record, memoryOf: () => given.memory ?? MIB });
    assert.deepEqual(rules.permissionFor(info, given.mode ?? 'CheckpointLowerPriority', now), given.wants);
  });
}
