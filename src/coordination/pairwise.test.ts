import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from './testing.ts';

type Step = readonly (readonly [id: string, action: string, dependencies: string])[];
interface Scenario {
  /** Hooks asked at the same time, step after step. */
  steps: readonly Step[];
  want: readonly (readonly string[])[];
}

const everyHook = [
  'pre-dump',
  'network-lock',
  'post-dump',
  'pre-restore',
  'post-restore',
  'network-unlock',
  'post-resume',
];
const mutual = (ids: readonly string[], action: string): Step =>
  ids.map((id) => [id, action, ids.filter((other) => other !== id).join(':')]);
const hundred = Array.from({ length: 100 }, (_, index) => `member-${index}`);
const chain = (ids: readonly string[], action: string): Step =>
  ids.map((id, index) => [id, action, ids[index + 1] ?? '']);

/** The first five rows are what was seen of criu-coordinator v0.1.0. */
const SCENARIOS: Record<string, Scenario> = {
  'one member alone passes every hook': {
    steps: everyHook.map((action) => [['A', action, '']]),
    want: everyHook.map(() => ['ACK']),
  },
  'a member whose dependency never comes is told of the timeout': {
    steps: [[['A', 'pre-dump', 'B']], [['A', 'pre-restore', 'B']]],
    want: [['timeout'], ['timeout']],
  },
  'two that list each other pass together': {
    steps: everyHook.map((action) => mutual(['A', 'B'], action)),
    want: everyHook.map(() => ['ACK', 'ACK']),
  },
  'three that list each other pass together': {
    steps: everyHook.map((action) => mutual(['A', 'B', 'C'], action)),
    want: everyHook.map(() => ['ACK', 'ACK', 'ACK']),
  },
  'one-way: the server lists nobody, the client lists the server': {
    steps: everyHook.map((action) => [
      ['B', action, ''],
      ['A', action, 'B'],
    ]),
    want: everyHook.map(() => ['ACK', 'ACK']),
  },
  'a chain of three passes every hook': {
    steps: everyHook.map((action) => chain(['A', 'B', 'C'], action)),
    want: everyHook.map(() => ['ACK', 'ACK', 'ACK']),
  },
  'a hundred that list each other pass every hook': {
    steps: everyHook.map((action) => mutual(hundred, action)),
    want: everyHook.map(() => hundred.map(() => 'ACK')),
  },
  'a chain of a hundred passes every hook': {
    steps: everyHook.map((action) => chain(hundred, action)),
    want: everyHook.map(() => hundred.map(() => 'ACK')),
  },
  'post-dump and network-lock of a stranger are refused': {
    steps: [[['A', 'post-dump', '']], [['A', 'network-lock', '']], [['A', 'post-restore', '']], [['A', 'hello', '']]],
    want: [['not connected'], ['not connected'], ['ACK'], ['not connected']],
  },
  'a dependency that is not there counts as dumped': {
    steps: [[['A', 'pre-dump', '']], [['A', 'post-dump', 'nobody']]],
    want: [['ACK'], ['ACK']],
  },
  'a network that is locked already is not locked again': {
    steps: [[['A', 'pre-dump', '']], [['A', 'network-lock', '']], [['A', 'network-lock', '']]],
    want: [['ACK'], ['ACK'], ['client already connected']],
  },
  'a second post-dump while the first waits is told so': {
    steps: [
      mutual(['A', 'B'], 'pre-dump'),
      [
        ['A', 'post-dump', 'B'],
        ['A', 'post-dump', 'B'],
      ],
    ],
    want: [
      ['ACK', 'ACK'],
      ['timeout', 'checkpoint is already created'],
    ],
  },
  'who timed out at post-dump is forgotten, so the other passes': {
    steps: [mutual(['A', 'B'], 'pre-dump'), [['A', 'post-dump', 'B']], [['B', 'post-dump', 'A']]],
    want: [['ACK', 'ACK'], ['timeout'], ['ACK']],
  },
  'network-unlock after a dump that leaves the processes running waits for nobody': {
    steps: [mutual(['A', 'B'], 'pre-dump'), mutual(['A', 'B'], 'post-dump'), [['A', 'network-unlock', 'B']]],
    want: [['ACK', 'ACK'], ['ACK', 'ACK'], ['ACK']],
  },
  'network-unlock of a failed dump waits for nobody': {
    steps: [mutual(['A', 'B'], 'pre-dump'), [['A', 'network-unlock', 'B']]],
    want: [['ACK', 'ACK'], ['ACK']],
  },
};

for (const [sentence, { steps, want }] of Object.entries(SCENARIOS)) {
  test(`pairwise: ${sentence}`, async () => {
    const bench = new Bench();
    for (const [index, step] of steps.entries()) {
      const replies = step.map(([id, action, dependencies]) => bench.ask({ id, action, dependencies }));
      assert.deepEqual(await bench.within(60_000, replies), want[index], `step ${index + 1}`);
    }
    assert.equal(bench.clock.pending, 0, 'no timer is left');
  });
}

test('pairwise: network-unlock of a restore waits until the dependency has unlocked', async () => {
  const bench = new Bench();
  await bench.within(0, [
    bench.ask({ id: 'A', action: 'pre-restore', dependencies: 'B' }),
    bench.ask({ id: 'B', action: 'pre-restore', dependencies: 'A' }),
  ]);
  const first = bench.ask({ id: 'A', action: 'network-unlock', dependencies: 'B' });
  assert.deepEqual(await bench.within(5_000, [first]), ['still waiting']);
  const second = bench.ask({ id: 'B', action: 'network-unlock', dependencies: 'A' });
  assert.deepEqual(await bench.within(0, [first, second]), ['ACK', 'ACK']);
});

for (const action of ['add-dependencies', 'add_dependencies']) {
  test(`pairwise: dependencies told once by ${action} hold for hooks that bring none`, async () => {
    const bench = new Bench();
    const told = bench.ask({ id: 'kubescr', action, dependencies: { A: ['B', 'A'] } });
    assert.deepEqual(await bench.within(0, [told]), ['ACK']);
    const waiting = bench.ask({ id: 'A', action: 'pre-dump' });
    assert.deepEqual(await bench.within(1_000, [waiting]), ['still waiting']);
    const other = bench.ask({ id: 'B', action: 'pre-dump' });
    assert.deepEqual(await bench.within(0, [waiting, other]), ['ACK', 'ACK']);
  });
}

test('pairwise: the same ids in two sessions never meet', async () => {
  const bench = new Bench();
  const here = bench.ask({ id: 'A', action: 'pre-dump', dependencies: 'B', session: 'one' });
  const there = bench.ask({ id: 'B', action: 'pre-dump', dependencies: '', session: 'two' });
  assert.deepEqual(await bench.within(60_000, [here, there]), ['timeout', 'ACK']);
});

test('pairwise: who was known before the coordinator was started again still is', async () => {
  const bench = new Bench();
  await bench.within(0, [bench.ask({ id: 'A', action: 'pre-dump' })]);
  bench.restart();
  assert.deepEqual(await bench.within(0, [bench.ask({ id: 'A', action: 'post-dump' })]), ['ACK']);
});
