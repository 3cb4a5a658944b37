import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VACATE_BY_ANNOTATION } from '../../model/index.ts';
import { DEFAULT_PROFILE, type Profile } from '../framework/profile.ts';
import { EPOCH, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Play } from '../testing-play.ts';
import { Story } from '../testing-story.ts';
import type { BackfillOptions } from './backfill-dependencies.ts';

const MINUTE = 60_000;

const backfilling = (options: BackfillOptions = {}): { profile: Profile } => ({
  profile: {
    ...DEFAULT_PROFILE,
    plugins: [...DEFAULT_PROFILE.plugins, { name: 'Backfill' }],
    args: { Backfill: options },
  },
});

/** Asks for cpus, and says for how long at most. */
const job = (name: string, cpu: number, walltime?: string): PodBuilder => {
  const builder = pod(name).requests({ cpu: String(cpu), memory: '64Mi' });
  return walltime === undefined ? builder : builder.walltime(walltime);
};

const nodes = (...cpus: number[]) => cpus.map((cpu, index) => node(`n${index + 1}`).allocatable({ cpu: String(cpu) }));

/** One node of 4: `first` holds 2 for 10 minutes, `large` wants 4, then the others come. */
function queueBehindLarge(options: BackfillOptions, ...others: PodBuilder[]): Story {
  const world = new Story(backfilling(options)).nodes(...nodes(4)).pods(job('first', 2, '10m').on('n1'));
  world.pods(job('large', 4, '1h').created(1_000));
  return world.pods(...others.map((one, index) => one.created(2_000 + index)));
}

test('the first that has to wait is told what is reserved for it', () => {
  assert.deepEqual(queueBehindLarge({}).brief(), [
    'Unschedulable large: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod. backfill: node n1 is reserved for it in 10m0s, by the walltimes of the pods there.',
  ]);
});

const BEHIND: Record<string, { pod: PodBuilder; starts: boolean; options?: BackfillOptions }> = {
  'one that has ended by then runs ahead of it': { pod: job('small', 2, '9m'), starts: true },
  'one that has not ended by then does not': {
    pod: job('small', 2, '11m'),
    starts: false,
    options: { interruptible: false },
  },
  'nor does one that says nothing of its end': {
    pod: job('small', 2),
    starts: false,
    options: { interruptible: false },
  },
  'activeDeadlineSeconds says it as well': { pod: job('small', 2).spec({ activeDeadlineSeconds: 500 }), starts: true },
  'what earlier incarnations ran is taken off': {
    pod: job('small', 2).walltime('1h', 3_200),
    starts: true,
    options: { interruptible: false },
  },
  'one that can be checkpointed by then runs until then': { pod: job('small', 2), starts: true },
  'one whose policy forbids it does not': { pod: job('small', 2).labels({ never: 'yes' }), starts: false },
  'one whose dump would take too long does not': {
    pod: job('small', 2).requests({ cpu: '2', memory: '300Gi' }),
    starts: false,
  },
  'a higher priority does not wait behind it': { pod: job('small', 2).priority(5), starts: true },
};

for (const [name, { pod: builder, starts, options = {} }] of Object.entries(BEHIND)) {
  test(`behind a reservation: ${name}`, () => {
    const world = new Story(backfilling(options)).nodes(node('n1').allocatable({ cpu: '4', memory: '512Gi' }));
    const never = policy('p', { onPreemption: 'Never', selector: { matchLabels: { never: 'yes' } } });
    world.tell({ type: 'InterruptionPolicyChanged', policy: never }).pods(job('first', 2, '10m').on('n1'));
    world.pods(job('large', 4, '1h').created(1_000));
    const said = world.pods(builder.created(2_000)).brief();
    if (starts) assert.ok(said.includes('Bind small → n1'), said.join('\n'));
    else assert.match(said.join('\n'), /Unschedulable small: .*1 node\(s\) were reserved for pods ahead in the queue/);
  });
}

test('room beside the reserved pod is there for good', () => {
  const world = new Story(backfilling({ interruptible: false }))
    .nodes(...nodes(5))
    .pods(job('first', 2, '10m').on('n1'));
  world.pods(job('large', 4, '1h').created(1_000), job('one', 1).created(2_000), job('another', 1).created(3_000));
  const said = world.brief();
  assert.ok(said.includes('Bind one → n1'), said.join('\n'));
  assert.match(said.join('\n'), /Unschedulable another: .*reserved for pods ahead/);
});

test('EASY promises one start, conservative backfill as many as allowed', () => {
  for (const [reservations, starts] of [
    [1, true],
    [2, false],
  ] as const) {
    const world = new Story(backfilling({ reservations, interruptible: false })).nodes(...nodes(4, 4));
    world.pods(job('a', 2, '10m').on('n1'), job('b', 2, '20m').on('n2'));
    world.pods(job('large', 4, '1h').created(1_000), job('second', 4, '1h').created(2_000));
    world.pods(job('late', 2, '30m').created(3_000));
    const bound = world.brief().includes('Bind late → n2');
    assert.equal(bound, starts, `${reservations} reservations`);
  }
});

test('whoever has a promise starts earlier elsewhere only where that delays nobody', () => {
  const held = job('held', 4, '15m').on('n2');
  const world = new Story(backfilling({ reservations: 9, interruptible: false })).nodes(...nodes(4, 4));
  world.pods(job('a', 4, '10m').on('n1'), held);
  world.pods(job('big', 4, '1h').created(1_000), job('late', 4, '1h').created(2_000));
  const said = world.brief().join('\n');
  assert.match(said, /big: .*node n1 is reserved for it in 10m0s/);
  assert.match(said, /late: .*node n2 is reserved for it in 15m0s/);
  // Conservative backfill compresses: `big` would take from `late` what it was promised, for it has n1 in 9 minutes.
  assert.deepEqual(
    world
      .gone(held)
      .after(60_000)
      .brief()
      .filter((one) => one.startsWith('Bind')),
    ['Bind late → n2'],
  );
});

test('the promise goes to whoever comes first in the queue', () => {
  const world = queueBehindLarge({});
  world.decide();
  world.pods(job('urgent', 4, '1h').priority(5).preemption('Never').created(3_000));
  const said = world.brief();
  assert.match(said[0] ?? '', /^Unschedulable urgent: .*node n1 is reserved for it in 10m/);
  assert.doesNotMatch(said.slice(1).join('\n'), /large: .*is reserved for it/);
});

test('when the pod is gone that had the promise, those it kept away are tried at once', () => {
  const world = queueBehindLarge({ interruptible: false }, job('small', 2));
  assert.match(world.brief().join('\n'), /Unschedulable small/);
  assert.deepEqual(
    world
      .gone(job('large', 4, '1h'))
      .after(60_000)
      .brief(),
    ['Bind small → n1'],
  );
});

test('who is let in for a time only has that written down, and is checkpointed in time', () => {
  const world = new Play(backfilling(), nodes(4));
  world.submit(job('first', 2, '10m'), { when: 0, runs: 10 * MINUTE });
  world.submit(job('large', 4, '1h'), { when: 1_000, runs: 30 * MINUTE });
  world.submit(job('guest', 2), { when: 2_000, runs: 60 * MINUTE });
  world.play(3 * 60 * MINUTE);
  const bind = world.decided.find(
    ({ decision }) => decision.type === 'Bind' && decision.pod.name === 'guest',
  )?.decision;
  assert.ok(bind?.type === 'Bind');
  const [step] = bind.preBind ?? [];
  const { annotations } = (step?.patch.metadata ?? {}) as { annotations?: Record<string, string> };
  assert.match(annotations?.[VACATE_BY_ANNOTATION] ?? '', /^2026-01-01T00:10:\d\d/);
  const [first, second] = world.runsOf('guest');
  assert.ok(first !== undefined && first.from === 2_000 && first.until < 10 * MINUTE, JSON.stringify(first));
  assert.ok((world.startOf('large') ?? Infinity) <= 10 * MINUTE + 10_000, `large began at ${world.startOf('large')}`);
  assert.ok(second !== undefined && second.from >= 40 * MINUTE, 'the guest goes on after it');
  assert.deepEqual(world.waiting, []);
});

test('a scheduler started anew knows from the mark who is to make way', () => {
  const guest = job('guest', 2)
    .created(2_000)
    .on('n1')
    .annotations({ [VACATE_BY_ANNOTATION]: '2026-01-01T00:10:00Z' });
  const world = new Story(backfilling()).nodes(...nodes(4));
  world.pods(job('first', 2, '10m').on('n1'), guest, job('large', 4, '1h').created(1_000));
  assert.match(world.brief().join(), /large: .*node n1 is reserved for it in 10m/);
  world.after(9 * MINUTE + 54_000);
  assert.deepEqual(world.brief(), ['Interrupt Checkpoint guest for large → n1']);
});

test('an overdue pod is expected to end soon, and the less soon the longer it is overdue', () => {
  const world = queueBehindLarge({}).after(11 * MINUTE);
  assert.match(world.brief().join(), /node n1 is reserved for it in 1m0s,/);
  const later = queueBehindLarge({}).after(40 * MINUTE);
  assert.match(later.brief().join(), /node n1 is reserved for it in 30m0s,/);
});

test('when those before it end early, its guests are made to go at once', () => {
  const world = new Play(backfilling(), nodes(4));
  world.submit(job('first', 2, '1h'), { when: 0, runs: 20 * MINUTE });
  world.submit(job('large', 4, '1h'), { when: 1_000, runs: 5 * MINUTE });
  world.submit(job('guest', 2), { when: 2_000, runs: 50 * MINUTE });
  world.play(3 * 60 * MINUTE);
  assert.ok((world.startOf('large') ?? Infinity) < 20 * MINUTE + 15_000, `large began at ${world.startOf('large')}`);
  assert.deepEqual(world.waiting, []);
});

test('who was promised a start gets its turn then, however often it was tried shortly before', () => {
  const world = new Story(backfilling()).nodes(node('n1').allocatable({ cpu: '4' }));
  const short = job('short', 2, '10m').on('n1');
  world.pods(short, job('large', 4, '1h').created(1_000)).brief();
  const tries = [10, 30, 60, 100, 599].map((seconds) => {
    world.after(EPOCH + seconds * 1_000 - world.now);
    return world
      .nodes(
        node('n1')
          .allocatable({ cpu: '4' })
          .labels({ tried: String(seconds) }),
      )
      .brief().length;
  });
  assert.deepEqual(tries, [1, 1, 1, 1, 1]);
  assert.equal(world.engine.nextWakeup(), EPOCH + 600_000);
  assert.deepEqual(world.after(1_000).gone(short).brief(), ['Bind large → n1']);
});
