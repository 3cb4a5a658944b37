import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Decision } from '../contract.ts';
import { DEFAULT_PROFILE, type Profile } from '../framework/profile.ts';
import { budget, checkpoint, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Play } from '../testing-play.ts';
import { Story } from '../testing-story.ts';
import type { ConsolidationOptions } from './consolidation.ts';

const MINUTE = 60_000;
const INTERVAL = 10 * MINUTE;
const REST = 60 * MINUTE;

const emptying = (options: ConsolidationOptions = { emptyNodeSeconds: 60 }): { profile: Profile } => ({
  profile: {
    ...DEFAULT_PROFILE,
    plugins: [...DEFAULT_PROFILE.plugins, { name: 'Consolidation' }],
    args: { Consolidation: options },
  },
});

const running = (name: string, on: string, cpu = 1, memory = '64Mi'): PodBuilder =>
  pod(name)
    .requests({ cpu: String(cpu), memory })
    .on(on);

/** Two nodes of 4 cpus: `n1` with less on it than `n2`. */
function sparse(options?: ConsolidationOptions, memory?: string): Story {
  const nodes = ['n1', 'n2', 'n3'].map((name) => node(name).allocatable({ cpu: '4', memory: '512Gi' }));
  const story = new Story(emptying(options)).nodes(...nodes);
  return story.pods(running('a', 'n1', 1, memory), running('b', 'n2', 2, memory));
}

/** What is decided when the first interval is over. */
function inTurn(story: Story): string[] {
  assert.deepEqual(story.brief(), [], 'nothing is moved before');
  return story.after(INTERVAL).brief();
}

test('the node that is cheapest to empty is emptied, onto one in use', () => {
  assert.deepEqual(inTurn(sparse()), ['Move a from n1 → n2']);
});

test('the engine asks to be woken for it, and only where it is switched on', () => {
  const story = sparse();
  story.decide();
  assert.equal(story.engine.nextWakeup(), story.now + INTERVAL);
  const off = sparse({});
  off.decide();
  assert.notEqual(off.engine.nextWakeup(), off.now + INTERVAL);
  assert.deepEqual(off.after(INTERVAL).brief(), []);
});

test('its checkpoint is its order, and its explanation says what it is for', () => {
  const story = sparse();
  story.decide();
  const [decision] = story.after(INTERVAL).decide();
  assert.ok(decision?.type === 'Move');
  assert.equal(decision.orderedBy, 'emptying of node n1');
  assert.equal(decision.victim.action, 'Checkpoint');
  assert.match(
    decision.explanation.summary,
    /^goes on on node n2, so that node n1 is empty: its 1 pod\(s\) can be moved at \d+\.\d+ node-seconds, and an empty node is worth 60\.000\.$/,
  );
});

const bound = (kind: string): PodBuilder => {
  const built = running('d', 'n1').build();
  built.metadata.ownerReferences = [{ apiVersion: 'v1', kind, name: 'd', uid: 'd', controller: true }];
  return Object.assign(running('d', 'n1'), { build: () => built });
};

const STAYING: Record<string, () => Story> = {
  'while a pod waits': () => sparse().pods(pod('large').requests({ cpu: '64' })),
  'when moving costs more than the node is worth': () => sparse({ emptyNodeSeconds: 1 }, '400Gi'),
  'when more would have to move than allowed': () => sparse({ emptyNodeSeconds: 60, maximumMoves: 0 }),
  'when a policy says Never': () =>
    sparse().tell({ type: 'InterruptionPolicyChanged', policy: policy('p', { onPreemption: 'Never' }) }),
  'when one of its pods belongs to a group': () =>
    new Story(emptying())
      .nodes(node('n1').allocatable({ cpu: '4' }), node('n2').allocatable({ cpu: '4' }))
      .pods(running('a', 'n1').labels({ 'scheduling.x-k8s.io/pod-group': 'g' }), running('b', 'n2', 4)),
  'when a disruption budget is exhausted': () => {
    const labels = { app: 'a' };
    return new Story(emptying())
      .nodes(node('n1').allocatable({ cpu: '4' }), node('n2').allocatable({ cpu: '4' }))
      .pods(running('a', 'n1').labels(labels), running('b', 'n2').labels(labels))
      .tell({ type: 'PodDisruptionBudgetChanged', budget: budget('b', labels, 0) });
  },
  'when only empty nodes would have room': () =>
    new Story(emptying())
      .nodes(node('n1').allocatable({ cpu: '4' }), node('n2').allocatable({ cpu: '4' }), node('n3'))
      .pods(running('a', 'n1', 4), running('b', 'n2', 4)),
};
for (const [name, world] of Object.entries(STAYING)) {
  test(`no node is emptied ${name}`, () => {
    const story = world();
    story.decide();
    assert.deepEqual(
      story
        .after(INTERVAL)
        .decide()
        .filter(({ type }) => type === 'Move'),
      [],
    );
  });
}

for (const kind of ['DaemonSet', 'Node']) {
  test(`a pod that belongs to its node (${kind}) neither moves nor keeps the node in use`, () => {
    assert.deepEqual(inTurn(sparse().pods(bound(kind))), ['Move a from n1 → n2']);
    const alone = new Story(emptying()).nodes(node('n1'), node('n2')).pods(bound(kind), running('b', 'n2'));
    assert.deepEqual(inTurn(alone), [], 'neither as source nor as target');
  });
}

test('the pod comes back on its target, though its data is on the node it left', () => {
  const nodes = ['n1', 'n2'].map((name) => node(name).allocatable({ cpu: '4' }));
  const play = new Play(emptying(), nodes);
  play.submit(pod('a').requests({ cpu: '1' }), { when: 0, runs: 50 * MINUTE });
  play.submit(pod('b').requests({ cpu: '2' }), { when: 0, runs: 50 * MINUTE });
  play.play(49 * MINUTE);
  const [first, second, ...more] = play.runsOf('a');
  assert.deepEqual([first?.nodeName, second?.nodeName, more], ['n1', 'n2', []]);
});

test('when its place is taken after all, it goes on anywhere, also where it was', () => {
  const moved = running('a', 'n1');
  const story = sparse()
    .gone(running('b', 'n2', 2))
    .pods(moved, running('b', 'n2', 3));
  assert.deepEqual(inTurn(story), ['Move a from n1 → n2']);
  story.pods(running('thief', 'n2').priority(9));
  const order = checkpoint(moved.build()).created(INTERVAL);
  story.checkpoints(order).checkpoints(order.ready(INTERVAL)).gone(moved).checkpoints(order.released());
  story.pods(pod('a').uid('again').requests({ cpu: '1', memory: '64Mi' }).restoreFrom('a-1', 0));
  assert.deepEqual(story.brief(), ['Bind a → n1']);
});

test('what may be moved is moved without anybody waiting, seldom, and comes to rest', () => {
  const arrival = fc.record({
    when: fc.nat(90).map((minutes) => minutes * MINUTE),
    runs: fc.integer({ min: 30, max: 400 }).map((minutes) => minutes * MINUTE),
    cpu: fc.integer({ min: 1, max: 3 }),
  });
  let moved = 0;
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.array(arrival, { maxLength: 10 }), (count, arrivals) => {
      const nodes = Array.from({ length: count }, (_, index) => node(`n${index}`).allocatable({ cpu: '4' }));
      const play = new Play(emptying(), nodes);
      arrivals.forEach(({ when, runs, cpu }, index) => {
        play.submit(pod(`p${index}`).requests({ cpu: String(cpu) }), { when, runs });
      });
      play.play(600 * MINUTE);
      const moves = play.decided.flatMap(({ now, decision }) => (isMove(decision) ? [{ now, ...decision }] : []));
      moved += moves.length;
      const turns = new Map<number, Set<string>>();
      for (const { now, nodeName } of moves) turns.set(now, (turns.get(now) ?? new Set()).add(nodeName));
      for (const sources of turns.values()) assert.equal(sources.size, 1, 'one node at a time');
      const times = [...turns.keys()];
      times.forEach((now, index) => {
        if (index > 0) assert.ok(now - (times[index - 1] ?? 0) >= INTERVAL, 'one in an interval');
      });
      for (const { now, pod: one, nodeName, targetName } of moves) {
        const runs = play.runsOf(one.name);
        const next = runs.find(({ from }) => from > now);
        assert.equal(next?.nodeName, targetName, 'it goes on where room was kept for it');
        assert.ok(next.from - now < MINUTE, 'nobody it is moved for keeps it waiting');
        const touched = moves.filter((other) => other.now > now && other.now < now + REST);
        for (const other of touched) {
          for (const name of [other.nodeName, other.targetName]) {
            assert.ok(name !== nodeName && name !== targetName, `${name} is touched again`);
          }
        }
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(moved > 50, `${moved} moves in all`);
});

function isMove(decision: Decision): decision is Extract<Decision, { type: 'Move' }> {
  return decision.type === 'Move';
}
