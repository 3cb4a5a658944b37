import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpoint, node, pod, policy, priorityClass } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { type Case, low, MINUTE, n1, plain, runCases, urgent } from './testing-cases.ts';

const PREEMPTED = { type: 'DisruptionTarget', status: 'True' as const, reason: 'PreemptionByScheduler' };
const NINE = Array.from({ length: 9 }, (_, index) => `v${index}`);

const CASES: Record<string, Case> = {
  'the only pod of lower priority is checkpointed': {
    placed: [low('a')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a pod of equal priority is never a victim': {
    placed: [low('a', '2', 10)],
    wants:
      /^Unschedulable p: .* preemption: 0\/1 nodes are available: 1 No preemption victims found for incoming pod\.$/,
  },
  'a plain class terminates, as kube-scheduler does': {
    placed: [low('a')],
    pod: plain(),
    wants: 'Interrupt Terminate a for p → n1',
  },
  'preemptionPolicy Never interrupts nobody': {
    placed: [low('a')],
    pod: plain().preemption('Never'),
    wants:
      'Unschedulable p: 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
  },
  'the annotation of the class wins over the plain policy admission copies to the pod': {
    placed: [low('a')],
    pod: plain().preemption('PreemptLowerPriority').className('c'),
    classes: [priorityClass('c', 10, 'CheckpointLowerPriority')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'only as many go as are needed, and what can stay is reprieved': {
    placed: [low('a', '1'), low('b', '1')],
    pod: urgent('1'),
    wants: /^Interrupt Checkpoint [ab] for p → n1$/,
  },
  'lower priority goes first, though it costs more': {
    placed: [low('a', '1', 1), low('b', '1', 2)],
    pod: urgent('1'),
    usage: { 'uid-a': 1e9, 'uid-b': 1e6 },
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'among equal priority the cheaper dump goes': {
    placed: [low('a', '1'), low('b', '1')],
    pod: urgent('1'),
    usage: { 'uid-a': 8e9, 'uid-b': 1e6 },
    wants: 'Interrupt Checkpoint b for p → n1',
  },
  'one in between instead of two cheap ones, where upstream would reprieve it first': {
    nodes: [node('n1').allocatable({ cpu: '4' })],
    placed: [low('big', '2'), low('s1', '1'), low('s2', '1')],
    usage: { 'uid-big': 1e9, 'uid-s1': 9e8, 'uid-s2': 9e8 },
    wants: 'Interrupt Checkpoint big for p → n1',
  },
  'a node that a smaller pod on it could not help is not helped': {
    nodes: [n1().taints({ key: 'x', effect: 'NoSchedule' })],
    placed: [low('a')],
    wants: /1 Preemption is not helpful for scheduling\.$/,
  },
  'a pod larger than the node interrupts nobody': {
    placed: [low('a')],
    pod: urgent('3'),
    wants: /1 Insufficient cpu\. preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\.$/,
  },
  'policy Never': {
    placed: [low('a')],
    policies: [policy('x', { onPreemption: 'Never' })],
    wants: /Left alone: default\/a \(policy default\/x says Never\)\.$/,
  },
  'policy Never holds against a plain class too': {
    placed: [low('a')],
    pod: plain(),
    policies: [policy('x', { onPreemption: 'Never' })],
    wants: /policy default\/x says Never/,
  },
  'policy Checkpoint turns a plain preemption into a checkpoint': {
    placed: [low('a')],
    pod: plain(),
    policies: [policy('x', { onPreemption: 'Checkpoint' })],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'policy Terminate': {
    placed: [low('a')],
    policies: [policy('x', { onPreemption: 'Terminate' })],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'policy CheckpointElseTerminate takes termination while little is lost by it': {
    placed: [low('a').on('n1', 9 * MINUTE + 59_000)],
    usage: { 'uid-a': 100e9 },
    policies: [policy('x', { onPreemption: 'CheckpointElseTerminate' })],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'policy CheckpointElseTerminate takes the checkpoint once there is much to lose': {
    placed: [low('a')],
    policies: [policy('x', { onPreemption: 'CheckpointElseTerminate' })],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'what a copy saved is not lost by termination': {
    placed: [low('a')],
    usage: { 'uid-a': 100e9 },
    checkpoints: [
      checkpoint(low('a').build(), 'copy')
        .copy()
        .ready(10 * MINUTE - 5_000)
        .build(),
    ],
    policies: [policy('x', { onPreemption: 'CheckpointElseTerminate' })],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'the most specific policy holds': {
    placed: [low('a').labels({ app: 'a' })],
    policies: [
      policy('a', { onPreemption: 'Never' }),
      policy('b', { onPreemption: 'Terminate', selector: { matchLabels: { app: 'a' } } }),
    ],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a policy holds only for the pods it selects': {
    placed: [low('a', '1').labels({ keep: 'yes' }), low('b', '1', 5)],
    pod: urgent('1'),
    policies: [policy('x', { selector: { matchLabels: { keep: 'yes' } }, onPreemption: 'Never' })],
    wants: 'Interrupt Checkpoint b for p → n1',
  },
  'the cluster-wide default holds where no other policy does': {
    placed: [low('a')],
    policies: [policy('default', { onPreemption: 'Terminate' }, 'fermata-system')],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a policy of another namespace does not hold': {
    placed: [low('a')],
    policies: [policy('x', { onPreemption: 'Never' }, 'other')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a pod younger than minimumRunSeconds is left alone': {
    placed: [low('a')],
    at: 30_000,
    policies: [policy('x', { minimumRunSeconds: 60 })],
    wants: /Left alone: default\/a \(policy default\/x: minimumRunSeconds not reached for 30s more\)/,
  },
  'a pod that uses more than maxCheckpointSize is left alone': {
    placed: [low('a')],
    usage: { 'uid-a': 2 ** 31 },
    policies: [policy('x', { maxCheckpointSize: '1Gi' })],
    wants: /larger than maxCheckpointSize 1Gi/,
  },
  'a maxCheckpointSize nobody can read excludes': {
    placed: [low('a')],
    policies: [policy('x', { maxCheckpointSize: '1Gb' })],
    wants: /maxCheckpointSize "1Gb" is not valid/,
  },
  'maxInterruptionsPerDay counts the checkpoints of the workload': {
    placed: [low('a').uid('second').workload('w')],
    checkpoints: [checkpoint(pod('a').workload('w').on('n1').build()).ready(0).released().build()],
    policies: [policy('x', { maxInterruptionsPerDay: 1 })],
    wants: /maxInterruptionsPerDay \(1\) reached/,
  },
  'an interrupted workload is protected for 10 s': {
    placed: [
      low('a')
        .uid('second')
        .workload('w')
        .on('n1', 10 * MINUTE - 4_000),
    ],
    checkpoints: [
      checkpoint(pod('a').workload('w').on('n1').build())
        .ready(9 * MINUTE)
        .released()
        .build(),
    ],
    wants: /interrupted 1 time\(s\) in 24 h, protected for 6s more/,
  },
  'and can be interrupted again after them': {
    placed: [
      low('a')
        .uid('second')
        .workload('w')
        .on('n1', 10 * MINUTE - 10_000),
    ],
    checkpoints: [
      checkpoint(pod('a').workload('w').on('n1').build())
        .ready(9 * MINUTE)
        .released()
        .build(),
    ],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'an interruption by termination counts like one by checkpoint': {
    placed: [
      pod('a').uid('first').workload('w').on('n1').terminating(MINUTE).condition(PREEMPTED),
      low('a')
        .uid('second')
        .workload('w')
        .on('n1', 10 * MINUTE - 4_000),
    ],
    pod: plain(),
    wants: /interrupted 1 time\(s\) in 24 h, protected for 6s more/,
  },
  'a pod whose dump would take longer than it may is not dumped': {
    placed: [low('a')],
    usage: { 'uid-a': 100 * 2 ** 30 },
    policies: [policy('x', { timeoutSeconds: 60 })],
    wants: /Left alone: default\/a \(a dump would take some 111 s and is given up after 60 s\)/,
  },
  'nor one that would take longer than the default timeout': {
    placed: [low('a')],
    usage: { 'uid-a': 300 * 2 ** 30 },
    policies: [policy('x', { onPreemption: 'CheckpointElseTerminate' })],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a victim whose dump failed is passed over, and the message says so': {
    placed: [low('a', '1', 1), low('b', '1', 2)],
    pod: urgent('1'),
    checkpoints: [
      checkpoint(low('a').build())
        .failed(10 * MINUTE - 1_000, 'io_uring cannot be dumped')
        .build(),
    ],
    wants: 'Interrupt Checkpoint b for p → n1',
  },
  'the only victim whose dump failed is left alone for 30 s, with the reason': {
    placed: [low('a')],
    checkpoints: [
      checkpoint(low('a').build())
        .failed(10 * MINUTE - 1_000, 'io_uring cannot be dumped')
        .build(),
    ],
    wants:
      'Unschedulable p: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.' +
      ' Victim default/a could not be checkpointed: io_uring cannot be dumped; next: other victims, or again in 29s.',
  },
  'it is tried again after the 30 s': {
    placed: [low('a')],
    checkpoints: [
      checkpoint(low('a').build())
        .failed(10 * MINUTE - 30_000, 'no space')
        .build(),
    ],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a second failure doubles them': {
    placed: [low('a')],
    checkpoints: [
      checkpoint(low('a').build(), 'a-1')
        .failed(9 * MINUTE, 'no space')
        .build(),
      checkpoint(low('a').build(), 'a-2')
        .failed(10 * MINUTE - 31_000, 'no space')
        .build(),
    ],
    wants: /again in 29s/,
  },
  'CheckpointElseTerminate terminates what cannot be dumped': {
    placed: [low('a')],
    checkpoints: [
      checkpoint(low('a').build())
        .failed(10 * MINUTE - 1_000, 'no space')
        .build(),
    ],
    policies: [policy('x', { onPreemption: 'CheckpointElseTerminate' })],
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a pod that is being restored is not terminated': {
    placed: [low('a').restoreFrom('c1', 0).phase('Pending')],
    pod: plain(),
    wants: /is being restored: its checkpoint is all there is of its workload/,
  },
  'once it is restored it is a pod like any other': {
    placed: [low('a').restoreFrom('c1', 0).condition({ type: 'fermata.dev/Restored', status: 'True' })],
    pod: plain(),
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a pod that is bound but not running yet cannot be checkpointed': {
    placed: [low('a').phase('Pending')],
    wants: /is not running yet: there is nothing to checkpoint/,
  },
  'a natural end close by is waited for': {
    placed: [low('a').walltime('601s')],
    wants: 'Wait p → n1 until 606000',
  },
  'a natural end far off is not': {
    placed: [low('a').walltime('1h')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'earlier incarnations count for the walltime': {
    placed: [low('a').walltime('2h', 2 * 3600 - 601)],
    wants: 'Wait p → n1 until 606000',
  },
  'an active deadline is a natural end too': {
    placed: [low('a').spec({ activeDeadlineSeconds: 601 })],
    wants: 'Wait p → n1 until 606000',
  },
  'an overdue walltime is no end to wait for': {
    placed: [low('a').walltime('9m')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a walltime nobody can read is none': {
    placed: [low('a').walltime('soon')],
    wants: 'Interrupt Checkpoint a for p → n1',
  },
  'a plain class does not wait for natural ends': {
    placed: [low('a').walltime('601s')],
    pod: plain(),
    wants: 'Interrupt Terminate a for p → n1',
  },
  'a victim on its way out already is not interrupted again': {
    placed: [low('a').terminating(10 * MINUTE + 1_000)],
    wants: 'Wait p → n1 until 611000',
  },
  'a pod that should be gone but is not is no longer counted on': {
    placed: [low('a').terminating(MINUTE)],
    wants: /No preemption victims found/,
  },
  'a victim that is being dumped for somebody else is waited for': {
    placed: [low('a')],
    checkpoints: [
      checkpoint(low('a').build())
        .created(10 * MINUTE)
        .for(pod('other').priority(5).build())
        .build(),
    ],
    wants: /^Wait p → n1/,
  },
  'pods that are terminating write no dumps': {
    nodes: [node('n1').allocatable({ cpu: '9' })],
    placed: NINE.map((name) => (name === 'v0' ? low(name, '1') : low(name, '1').terminating(11 * MINUTE))),
    pod: urgent('9'),
    wants: 'Interrupt Checkpoint v0 for p → n1',
  },
  'a node that writes 8 dumps already is given no more': {
    nodes: [node('n1').allocatable({ cpu: '9' })],
    placed: NINE.map((name) => low(name, '1')),
    pod: urgent('9'),
    checkpoints: NINE.slice(1).map((name) =>
      checkpoint(low(name, '1').build())
        .created(10 * MINUTE)
        .build(),
    ),
    wants: /Left alone: default\/v0 \(node n1 writes 8 dumps already\)/,
  },
};

runCases('interruption', CASES);

test('interruption: the explanation shows the costs, rests on measured memory, and counts shared bandwidth', () => {
  const story = new Story().nodes(node('n1').allocatable({ cpu: '2', memory: '4Gi' }));
  story.pods(low('a', '1'), low('b', '1'), urgent('2'));
  story.tell({ type: 'UsageObserved', uid: 'uid-a', memoryBytes: 750 * 2 ** 20 });
  story.tell({ type: 'UsageObserved', uid: 'uid-b', memoryBytes: 750 * 2 ** 20 });
  const [decision] = story.after(MINUTE).decide();
  const [plan] = decision?.explanation.plans ?? [];
  const [victim] = plan?.victims ?? [];
  // Two dumps at once: 1 s fixed + 2 × 0.2 s; restore 0.8 s + 0.732 s; half of the node each.
  assert.deepEqual(victim, {
    pod: 'default/a',
    priority: 1,
    action: 'Checkpoint',
    costs: { memoryBytes: 750 * 2 ** 20, dumpSeconds: 1.401, restoreSeconds: 1.532, checkpoint: 1.467 },
  });
  assert.equal(plan?.cost, 2.933);
});

test('interruption: costs follow what was measured of the workload', () => {
  const measured = { dumpMilliseconds: 20_000, restoreMilliseconds: 9_000, sizeBytes: 2 ** 30 };
  const source = pod('a').workload('w').on('n1').build();
  const story = new Story().nodes(n1()).checkpoints(checkpoint(source).ready(0, measured).released());
  story.pods(low('a').uid('second').workload('w'), urgent());
  const [decision] = story.after(10 * MINUTE).decide();
  assert.equal(decision?.type, 'Interrupt');
  const costs = decision?.type === 'Interrupt' ? decision.victims[0]?.costs : undefined;
  assert.equal(costs?.dumpSeconds, 20);
  assert.equal(costs?.restoreSeconds, 9);
});

test('interruption: the timeout of the policy goes with the order', () => {
  const story = new Story().nodes(n1()).pods(low('a'), urgent());
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { timeoutSeconds: 42 }) });
  const [decision] = story.after(MINUTE).decide();
  assert.equal(decision?.type === 'Interrupt' && decision.victims[0]?.timeoutSeconds, 42);
});

test('interruption: how long a pod is left alone yet is said as of now, though it was worked out before', () => {
  const story = new Story().nodes(n1()).pods(low('a'));
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { minimumRunSeconds: 60 }) });
  assert.match(story.after(10_000).pods(urgent()).brief().join(), /not reached for 50s more/);
  assert.match(story.after(15_000).pods(urgent().uid('uid-q')).brief().join(), /not reached for 35s more/);
});
