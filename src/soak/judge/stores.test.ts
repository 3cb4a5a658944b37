import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HistoryStory, READY, STORED } from './history-story.ts';

/** A pod of which a copy was taken while it ran on. */
const copied = (...conditions: (typeof READY)[]): HistoryStory =>
  new HistoryStory()
    .node('n1')
    .pod('victim')
    .checkpoint('c1', { leaveRunning: true })
    .process('started', 0)
    .process('frozen', 5, { checkpoint: 'c1', leaveRunning: true })
    .output(1, 5)
    .process('thawed', 5)
    .checkpoint('c1', { conditions: [READY, ...conditions] })
    .process('ended', 9, { reason: 'finished', exitCode: 0 })
    .output(6, 9)
    .pod('victim', { phase: 'Succeeded' });

const cases: Record<string, { tell: () => HistoryStory; broken: (number | 'liveness')[] }> = {
  'a checkpoint that is stored, and nothing else is': {
    tell: () => copied(STORED).end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, ['c1']),
    broken: [],
  },
  'where there is no store nothing is stored': {
    tell: () => copied().end([{ checkpoints: ['team_c1_c1'] }]),
    broken: [],
  },
  'a checkpoint that is never stored': {
    tell: () => copied().end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, []),
    broken: ['liveness'],
  },
  'one that says so, and is not in the store': {
    tell: () => copied(STORED).end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, []),
    broken: [5],
  },
  'the store has what no object knows of': {
    tell: () => copied(STORED).end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, ['c0', 'c1']),
    broken: ['liveness'],
  },
  'restores fail a few times, and then the store is reached': {
    tell: () =>
      copied(STORED)
        .checkpoint('c1', { failures: 3 })
        .end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, ['c1']),
    broken: [],
  },
  'restores from what is stored fail to the end': {
    tell: () => copied(STORED).checkpoint('c1', { failures: 12 }),
    broken: [4],
  },
  'restores from what has rotted in the store fail to the end': {
    tell: () =>
      copied(STORED)
        .fault('store/rot', { directory: 's3://soak/checkpoints/team/c1' })
        .checkpoint('c1', { failures: 12 }),
    broken: [],
  },
  'the store has lost what it had': {
    tell: () =>
      copied(STORED)
        .fault('store/loss', { directory: 's3://soak/checkpoints/team/c1' })
        .end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, []),
    broken: [],
  },
  'what rots on its node is still whole in the store': {
    tell: () => copied(STORED).fault('disk/rot', { checkpoint: 'c1' }).checkpoint('c1', { failures: 12 }),
    broken: [4],
  },
  'what had rotted on its node was never stored': {
    tell: () =>
      copied()
        .fault('disk/rot', { checkpoint: 'c1' })
        .end([{ checkpoints: ['team_c1_c1'] }], 'settled', 0, []),
    broken: [],
  },
  'what is on a lost node only cannot come back': {
    tell: () => copied().checkpoint('c1', { failures: 12 }),
    broken: [],
  },
};

for (const [name, { tell, broken }] of Object.entries(cases)) {
  test(name, () => {
    const told = tell();
    const messages = told.verdicts().map(({ message }) => message);
    assert.deepEqual(told.broken(), broken, messages.join('\n'));
  });
}
