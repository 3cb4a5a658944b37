import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOCH, type NodeBuilder, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';

const MINUTE = 60_000;
const PREEMPTED = { type: 'DisruptionTarget', status: 'True' as const, reason: 'PreemptionByScheduler' };
const room = (name: string) => node(name).allocatable({ cpu: '2' });
const low = (name: string, nodeName: string) => pod(name).priority(1).requests({ cpu: '2' }).on(nodeName);
const going = (name: string, nodeName: string) => low(name, nodeName).terminating(11 * MINUTE);
const plain = () => pod('p').priority(10).requests({ cpu: '2' });

/** Who may preempt: kube-scheduler's `PodEligibleToPreemptOthers`, and what comes before it. */
const CASES: Record<
  string,
  { nodes?: NodeBuilder[]; placed: PodBuilder[]; pod?: PodBuilder; wants: string[] | RegExp }
> = {
  'a pod without a nomination': {
    placed: [low('a', 'n1'), low('b', 'n2')],
    wants: ['Interrupt Terminate a for p → n1'],
  },
  'not one on whose nominated node a preempted pod is terminating': {
    placed: [going('a', 'n1').condition(PREEMPTED), low('b', 'n2')],
    pod: plain().nominated('n1'),
    wants: [],
  },
  'one on whose nominated node nobody was preempted': {
    placed: [low('a', 'n1'), low('b', 'n2')],
    pod: plain().nominated('n1'),
    wants: ['Interrupt Terminate a for p → n1'],
  },
  'one whose nominated node no victim could make fit any more': {
    nodes: [room('n1').taints({ key: 'x', effect: 'NoSchedule' }), room('n2')],
    placed: [going('a', 'n1').condition(PREEMPTED), low('b', 'n2')],
    pod: plain().nominated('n1'),
    wants: ['Interrupt Terminate b for p → n2'],
  },
  'one whose nominated node is gone': {
    nodes: [room('n2')],
    placed: [low('b', 'n2')],
    pod: plain().nominated('n1'),
    wants: ['Interrupt Terminate b for p → n2'],
  },
  'one beside a preempted pod of equal priority, which makes no room for it': {
    placed: [going('a', 'n1').priority(10).condition(PREEMPTED), low('b', 'n2')],
    pod: plain().nominated('n1'),
    wants: ['Interrupt Terminate b for p → n2'],
  },
  'not one that is gated': {
    placed: [low('a', 'n1')],
    pod: plain().spec({ schedulingGates: [{ name: 'example.com/later' }] }),
    wants: [],
  },
  'not one whose policy is Never, though its class preempts': {
    placed: [low('a', 'n1'), low('b', 'n2')],
    pod: plain().preemption('Never'),
    wants: /preemption: not eligible due to preemptionPolicy=Never\.$/,
  },
  'nobody for nothing: a pod that requests nothing fits a full node': {
    placed: [low('a', 'n1'), low('b', 'n2')],
    pod: plain().requests({}),
    wants: ['Bind p → n1'],
  },
  'not on nodes that are not ready, cordoned, or too small': {
    nodes: [room('n1').notReady(), room('n2').cordoned(), node('n3').allocatable({ cpu: '1' })],
    placed: [low('a', 'n1'), low('b', 'n2'), low('c', 'n3').requests({ cpu: '1' })],
    wants: /preemption: 0\/3 nodes are available: 3 Preemption is not helpful for scheduling\.$/,
  },
};

for (const [sentence, given] of Object.entries(CASES)) {
  test(`eligible to preempt: ${sentence}`, () => {
    const story = new Story().nodes(...(given.nodes ?? [room('n1'), room('n2')])).pods(...given.placed);
    story.now = EPOCH + 10 * MINUTE;
    const outcome = story.pods(given.pod ?? plain()).brief();
    if (Array.isArray(given.wants)) assert.deepEqual(outcome, given.wants);
    else assert.match(outcome.join(), given.wants);
  });
}

test('of pods that were left alone only those of lower priority are spoken of', () => {
  const story = new Story().nodes(room('n1')).pods(low('a', 'n1').requests({ cpu: '1' }));
  story.pods(low('equal', 'n1').requests({ cpu: '1' }).priority(10));
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { onPreemption: 'Never' }) });
  story.now = EPOCH + 10 * MINUTE;
  const [said = ''] = story.pods(plain()).brief();
  assert.match(said, /Left alone: default\/a \(policy default\/x says Never\)\.$/);
});

test('the cluster-wide default must select the pod, and only the policy of that name is it', () => {
  const outcome = (name: string, kind: string): string => {
    const story = new Story().nodes(room('n1')).pods(low('a', 'n1').labels({ kind: 'x' }));
    const given = policy(name, { selector: { matchLabels: { kind } }, onPreemption: 'Never' }, 'fermata-system');
    story.tell({ type: 'InterruptionPolicyChanged', policy: given });
    story.now = EPOCH + 10 * MINUTE;
    return story.pods(plain()).brief().join();
  };
  assert.match(outcome('default', 'x'), /^Unschedulable p:/);
  assert.match(outcome('default', 'y'), /^Interrupt/);
  assert.match(outcome('another', 'x'), /^Interrupt/);
});

test('a victim just ordered for somebody else is counted on for ten seconds', () => {
  const story = new Story().nodes(room('n1')).pods(low('a', 'n1').requests({ cpu: '2' }));
  story.now = EPOCH + 10 * MINUTE;
  story.pods(plain().requests({ cpu: '1' })).brief();
  const [decision] = story.pods(pod('q').uid('uid-q').priority(9).requests({ cpu: '1' })).decide();
  assert.equal(decision?.type === 'Wait' && decision.until - story.now, 10_000);
});
