import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DUMP_FIXED_SECONDS } from '../constants.ts';
import { checkpoint, EPOCH, pod, policy } from '../testing.ts';
import { CostModel } from './cost.ts';
import { DumpHistory } from './dump-history.ts';
import { FactChanges } from './fact-changes.ts';
import { InterruptionRecord } from './interruption-record.ts';
import { Orders } from './orders.ts';
import { Policies } from './policies.ts';

/** All who hold facts, and what they told since it was last read. */
class Facts {
  readonly changes = new FactChanges();
  readonly history = new DumpHistory(this.changes);
  readonly record = new InterruptionRecord(this.changes);
  readonly orders = new Orders(this.changes);
  readonly policies = new Policies(this.changes);
  readonly costs = new CostModel({ history: this.history, lastCheckpointOf: () => undefined, changes: this.changes });
  readonly #told: string[] = [];

  constructor() {
    const note = (what: string) => (which?: string) =>
      void this.#told.push(which === undefined ? what : `${what} ${which}`);
    this.changes.follow({
      podChanged: note('pod'),
      workloadChanged: note('workload'),
      nodeChanged: note('node'),
      everythingChanged: note('everything'),
    });
  }

  told(): string[] {
    return this.#told.splice(0).sort();
  }
}

const source = pod('a').workload('w').on('n1').build();
const copied = (name: string, seconds: number, restoreSeconds?: number) =>
  checkpoint(source, name)
    .copy()
    .ready(0, {
      dumpMilliseconds: seconds * 1000,
      sizeBytes: 2 ** 30,
      ...(restoreSeconds === undefined ? {} : { restoreMilliseconds: restoreSeconds * 1000 }),
    })
    .build();
const AS_EXPECTED = DUMP_FIXED_SECONDS + 0.2737;

const CASES: Record<string, { before?: (facts: Facts) => void; when: (facts: Facts) => void; wants: string[] }> = {
  'a dump as quick as expected: its node and its workload': {
    when: ({ history }) => history.observe(copied('c', AS_EXPECTED)),
    wants: ['node n1', 'workload default/w'],
  },
  'a dump seen again: nothing': {
    before: ({ history }) => history.observe(copied('c', AS_EXPECTED)),
    when: ({ history }) => history.observe(copied('c', AS_EXPECTED)),
    wants: [],
  },
  'a dump that changes what is expected of all nodes: everything': {
    when: ({ history }) => history.observe(copied('c', 20)),
    wants: ['everything', 'node n1', 'workload default/w'],
  },
  'a restore as quick as expected: its node and its workload': {
    before: ({ history }) => history.observe(copied('c', AS_EXPECTED)),
    when: ({ history }) => history.observe(copied('c', AS_EXPECTED, 1.8)),
    wants: ['node n1', 'workload default/w'],
  },
  'a restore that changes what is expected of all nodes: everything': {
    before: ({ history }) => history.observe(copied('c', AS_EXPECTED)),
    when: ({ history }) => history.observe(copied('c', AS_EXPECTED, 60)),
    wants: ['everything', 'node n1', 'workload default/w'],
  },
  'an interruption: its workload, and its pod only where dumps had failed': {
    when: ({ record }) => record.observe(checkpoint(source, 'c').ready(0).build(), EPOCH),
    wants: ['workload default/w'],
  },
  'a dump that succeeds after one that failed: the pod is no longer left alone': {
    before: ({ record }) => record.observe(checkpoint(source, 'c').failed(0, 'no space').build(), EPOCH),
    when: ({ record }) => record.observe(checkpoint(source, 'd').copy().ready(5).build(), EPOCH),
    wants: ['pod uid-a'],
  },
  'a failed dump: its pod': {
    when: ({ record }) => record.observe(checkpoint(source, 'c').failed(0, 'no space').build(), EPOCH),
    wants: ['pod uid-a'],
  },
  'a failed dump seen again: nothing': {
    before: ({ record }) => record.observe(checkpoint(source, 'c').failed(0, 'no space').build(), EPOCH),
    when: ({ record }) => record.observe(checkpoint(source, 'c').failed(0, 'no space').build(), EPOCH),
    wants: [],
  },
  'an order: its victim': {
    when: ({ orders }) => orders.give('p', 'v', { action: 'Checkpoint', expiresAt: 5 }),
    wants: ['pod v'],
  },
  'an order that is settled: its victim': {
    before: ({ orders }) => orders.give('p', 'v', { action: 'Checkpoint', expiresAt: 5 }),
    when: ({ orders }) => void orders.settle('v'),
    wants: ['pod v'],
  },
  'an order that is lost: its victim': {
    before: ({ orders }) => orders.give('p', 'v', { action: 'Checkpoint', expiresAt: 5 }),
    when: ({ orders }) => void orders.expire(5),
    wants: ['pod v'],
  },
  'a policy that is gone: everything': {
    before: ({ policies }) => policies.put(policy('x', {})),
    when: ({ policies }) => policies.delete(policy('x', {})),
    wants: ['everything'],
  },
  'measured memory: its pod': {
    when: ({ costs }) => costs.observeUsage('uid-a', 5),
    wants: ['pod uid-a'],
  },
};

for (const [sentence, { before, when, wants }] of Object.entries(CASES)) {
  test(`what goes stale: ${sentence}`, () => {
    const facts = new Facts();
    before?.(facts);
    facts.told();
    when(facts);
    assert.deepEqual(facts.told(), wants);
  });
}

test('what goes stale: a policy that is new or changed, everything', () => {
  const facts = new Facts();
  facts.policies.put(policy('x', {}));
  assert.ok(facts.told().includes('everything'));
});
