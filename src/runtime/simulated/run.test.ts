import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedOutputs } from './outputs.ts';
import type { Program } from './program.ts';
import {
  endOfRun,
  freezeRun,
  frozenState,
  progressOfRun,
  type Run,
  settleRun,
  startRun,
  stepsIn,
  thawRun,
} from './run.ts';

function program(changes: Partial<Program> = {}): Program {
  return { steps: 0, stepMilliseconds: 10, memoryBytes: 0, growthBytes: 0, exitCode: 0, ignoreTerm: false, ...changes };
}

test('progress follows from the time alone', () => {
  const run = startRun(1_000);
  assert.deepEqual(
    [999, 1_000, 1_009, 1_010, 1_105].map((now) => progressOfRun(program(), run, now)),
    [0, 0, 0, 1, 10],
  );
});

test('a run ends with its last step, and does no more', () => {
  const counting = program({ steps: 3, exitCode: 7 });
  const run = startRun(0);
  assert.equal(settleRun(counting, run, undefined, 29), false);
  assert.equal(settleRun(counting, run, undefined, 500), true);
  assert.deepEqual(run.ended, { at: 30, exitCode: 7 });
  assert.equal(progressOfRun(counting, run, 500), 3);
});

test('a frozen run does not end, and goes on in the middle of its step', () => {
  const counting = program({ steps: 2 });
  const run = startRun(0);
  freezeRun(run, 14);
  assert.equal(endOfRun(counting, run, undefined), undefined);
  assert.equal(progressOfRun(counting, run, 1_000), 1);
  thawRun(counting, run, 1_000);
  assert.deepEqual(endOfRun(counting, run, undefined), { at: 1_006, exitCode: 0 });
});

test('memory beyond the limit ends a run at the step that takes it', () => {
  const greedy = program({ memoryBytes: 50, growthBytes: 10 });
  assert.deepEqual(endOfRun(greedy, startRun(0), 100), { at: 60, exitCode: 137, reason: 'OOMKilled' });
  assert.deepEqual(endOfRun(greedy, startRun(0), 40), { at: 0, exitCode: 137, reason: 'OOMKilled' });
  assert.equal(endOfRun(greedy, startRun(0), undefined), undefined);
});

test('however often it is frozen, thawed and moved, each step is done once and no time is won or lost', () => {
  const pauses = fc.array(
    fc.record({ runs: fc.integer({ min: 0, max: 95 }), rests: fc.integer({ min: 0, max: 95 }) }),
    {
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(
      pauses,
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom(0, 7, 30),
      (rounds, stepMilliseconds, steps) => {
        const counting = program({ stepMilliseconds, steps });
        const outputs = new SimulatedOutputs();
        const writer = { uid: 'u', container: 'c', program: counting };
        let run: Run = startRun(0);
        outputs.add('out', { ...writer, run });
        let now = 0;
        let ran = 0;
        for (const [index, { runs, rests }] of rounds.entries()) {
          now += runs;
          settleRun(counting, run, undefined, now);
          if (run.ended !== undefined) break;
          ran += runs;
          freezeRun(run, now);
          now += rests;
          if (index % 2 === 0) thawRun(counting, run, now);
          else {
            const last = run.stretches.at(-1);
            assert.ok(last);
            run = { stretches: [{ ...frozenState(counting, last), startedAt: now }] };
            outputs.add('out', { ...writer, run });
          }
        }
        const { steps: done, missing, doubled, highest } = outputs.summary('out', now);
        assert.deepEqual({ missing, doubled }, { missing: 0, doubled: 0 });
        assert.equal(done, highest);
        if (run.ended === undefined) assert.equal(done, Math.floor(ran / stepMilliseconds));
        else assert.equal(done, steps);
        assert.deepEqual(
          outputs.steps('out', now),
          Array.from({ length: done }, (_, index) => index + 1),
        );
      },
    ),
  );
});

test('the count of steps lost and doubled agrees with counting them one by one', () => {
  const stretches = fc.array(
    fc.record({ fromStep: fc.integer({ min: 0, max: 12 }), runs: fc.integer({ min: 0, max: 12 }) }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(stretches, (several) => {
      const outputs = new SimulatedOutputs();
      const each = program({ stepMilliseconds: 1 });
      const written: number[] = [];
      for (const [index, { fromStep, runs }] of several.entries()) {
        const stretch = { fromStep, carriedMilliseconds: 0, startedAt: index * 100, endedAt: index * 100 + runs };
        outputs.add('out', { uid: `u${index}`, container: 'c', program: each, run: { stretches: [stretch] } });
        for (let step = fromStep + 1; step <= stepsIn(each, stretch, 10_000); step++) written.push(step);
      }
      const distinct = new Set(written);
      const highest = Math.max(0, ...written);
      assert.deepEqual(outputs.summary('out', 10_000), {
        steps: distinct.size,
        highest,
        missing: highest - distinct.size,
        doubled: written.length - distinct.size,
      });
      assert.deepEqual(outputs.steps('out', 10_000), written);
    }),
  );
});
