import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node, type PodBuilder, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { low, MINUTE, n1, plain, urgent } from './testing-cases.ts';

const WHY: Record<string, { placed: [PodBuilder, PodBuilder]; pod?: PodBuilder; usage?: number; says: string }> = {
  'the only node there is': {
    placed: [low('a'), low('b', '2', 20).on('n2')],
    says: 'makes room on node n1 by interrupting default/a (checkpoint) at 2.118 node-seconds.',
  },
  'a lower priority': {
    placed: [low('a', '2', 1), low('b', '2', 2).on('n2')],
    says: ' Taken before node n2 for a lower highest victim priority (1 against 2).',
  },
  'a lower cost': {
    placed: [low('a'), low('b').on('n2')],
    usage: 2 ** 30,
    says: ' Taken before node n2 for a lower cost in node-seconds (2.118 against 3.074).',
  },
  'nothing but its name': {
    placed: [low('a'), low('b').on('n2')],
    says: ' Equal to node n2, taken by name.',
  },
  'victims that began later': {
    placed: [low('a').on('n1', 60_000), low('b').on('n2', 30_000)],
    pod: plain(),
    says: ' Taken before node n2 for victims that began later.',
  },
};

for (const [sentence, given] of Object.entries(WHY)) {
  test(`interruption: the summary says why the node was taken: ${sentence}`, () => {
    const story = new Story().nodes(n1(), node('n2').allocatable({ cpu: '2' })).pods(...given.placed);
    if (given.usage !== undefined) {
      story.tell({ type: 'UsageObserved', uid: 'uid-b', memoryBytes: given.usage });
    }
    const [decision] = story
      .after(10 * MINUTE)
      .pods(given.pod ?? urgent())
      .decide();
    assert.equal(decision?.type === 'Interrupt' && decision.nodeName, 'n1');
    const summary = decision?.explanation.summary ?? '';
    assert.ok(summary.endsWith(given.says), summary);
  });
}

test('interruption: a plan by which nobody is interrupted shows no highest priority', () => {
  const story = new Story().nodes(n1()).pods(low('a').terminating(10 * MINUTE + 1_000));
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.equal(decision?.explanation.plans[0]?.highestVictimPriority, 0);
  const other = new Story().nodes(n1()).pods(low('a', '2', 7));
  const [interruption] = other
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.equal(interruption?.explanation.plans[0]?.highestVictimPriority, 7);
});

test('interruption: the costs shown for a victim that is terminated say what its dump beside the others would cost', () => {
  const story = new Story().nodes(n1()).pods(low('a', '1'), low('b', '1').on('n1', 10 * MINUTE - 1_000));
  for (const uid of ['uid-a', 'uid-b']) story.tell({ type: 'UsageObserved', uid, memoryBytes: 40 * 2 ** 30 });
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { onPreemption: 'CheckpointElseTerminate' }) });
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.ok(decision?.type === 'Interrupt');
  const alone = 1 + 10 * 0.2737 + 30 * 1.194;
  const seconds = new Map(
    decision.victims.map(({ pod: { name }, action, costs }) => [name, [action, costs.dumpSeconds]]),
  );
  assert.deepEqual(seconds.get('a'), ['Checkpoint', Math.round(alone * 1000) / 1000]);
  assert.deepEqual(seconds.get('b'), ['Terminate', Math.round((2 * (alone - 1) + 1) * 1000) / 1000]);
});
