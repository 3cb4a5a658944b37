import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../clock/index.ts';
import { submissionWindow } from '../outcome.ts';
import { job } from '../testing.ts';
import { Judge } from './judge.ts';
import { Stage } from './stage.ts';
import type { Work } from './work.ts';
import { poolWorld } from './world.ts';
import type { WorldPolicy } from './world-policy.ts';

const JOBS = [job(1, 0, 100, 2), job(2, 10, 100, 2)];

/** Runs two jobs on four processors; `meddle` does what no policy may, once, at second 10. */
function judged(meddle: (stage: Stage, first: Work) => void): (number | string)[] {
  const judge = new Judge();
  const stage = new Stage({
    jobs: JOBS,
    world: poolWorld(4),
    window: submissionWindow(JOBS),
    random: seededRandom(1),
    judge,
  });
  stage.run((on): WorldPolicy => {
    const waiting: Work[] = [];
    return {
      submitted: (work) => waiting.push(work),
      ended: () => undefined,
      pass(now) {
        for (const work of waiting.splice(0)) on.start(work, 'first');
        const first = on.works.get(0);
        if (now === 10 && first !== undefined) meddle(on, first);
      },
    };
  });
  return [...new Set(judge.violations.map(({ invariant }) => invariant))].sort();
}

const MEDDLING: Record<string, { meddle: (stage: Stage, first: Work) => void; wants: (number | string)[] }> = {
  'nothing is said where all is well': { meddle: () => undefined, wants: [] },
  'a node that gives more than it has': {
    meddle: (stage, { shape }) => stage.room.take(shape, { node: 0, tasks: 1 }),
    wants: [1],
  },
  'a job with more tasks placed than it has': {
    meddle: (stage, first) => {
      first.parts.push({ node: 0, tasks: 1, sinceSeconds: stage.now });
    },
    wants: [2, 8, 9],
  },
  'a job that computes with a part of its tasks': {
    meddle: (stage, first) => {
      first.parts = [{ node: 0, tasks: 1, sinceSeconds: stage.now }];
    },
    wants: [8, 9],
  },
  'progress below the checkpoint': {
    meddle: (_, first) => {
      first.savedSeconds = 50;
    },
    wants: [3],
  },
  'a checkpoint that holds less than before': {
    meddle: (stage, first) => {
      stage.dump(first, 'go on');
      stage.alarm(stage.now + 20, () => {
        first.savedSeconds = 5;
      });
    },
    wants: [5],
  },
  'a job that stops though nobody interrupted it': {
    meddle: (_, first) => {
      first.phase = 'restoring';
    },
    wants: [7, 9],
  },
  'work that was computed and is in no result': {
    meddle: (stage) => {
      stage.ledger.uses.compute.all += 7;
    },
    wants: [9],
  },
};

for (const [name, { meddle, wants }] of Object.entries(MEDDLING)) {
  test(`the judge: ${name}`, () => assert.deepEqual(judged(meddle), wants));
}

test('the judge: a job that never starts', () => {
  const judge = new Judge();
  const stage = new Stage({
    jobs: JOBS,
    world: poolWorld(4),
    window: submissionWindow(JOBS),
    random: seededRandom(1),
    judge,
  });
  stage.run((): WorldPolicy => ({ submitted: () => undefined, ended: () => undefined, pass: () => undefined }));
  assert.deepEqual(
    judge.violations.map(({ invariant, job: id }) => [invariant, id]),
    [
      ['liveness', '1'],
      ['liveness', '2'],
    ],
  );
});
