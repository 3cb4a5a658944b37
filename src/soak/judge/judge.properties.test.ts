import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OutputEntry, ProcessEntry } from '../history.ts';
import { HistoryStory, IN_PROGRESS, READY, RELEASED, RESTORED } from './history-story.ts';
import { Judge } from './judge.ts';

const lengths = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 6 });

/** A workload that is interrupted after each of its stretches, restored, and at last finishes. */
function life(stretches: readonly number[]): HistoryStory {
  const story = new HistoryStory().running(0);
  let step = 0;
  let uid = 'uid-victim';
  stretches.forEach((length, index) => {
    const checkpoint = `c${index}`;
    const next = `pod-${index}`;
    story
      .checkpoint(checkpoint, { source: uid, conditions: [IN_PROGRESS] })
      .process('frozen', step + length, { uid, checkpoint })
      .output(step + 1, step + length, uid);
    step += length;
    story
      .process('dumped', step, { uid, checkpoint })
      .checkpoint(checkpoint, { conditions: [READY] })
      .pod('victim', { uid, deleting: true }, 'controller#1')
      .process('removed', step, { uid })
      .gone('/pods', uid, 'node/n1#1')
      .checkpoint(checkpoint, { conditions: [RELEASED] })
      .pod('victim', { uid: next, annotations: { 'fermata.dev/restore-from': checkpoint } }, 'controller#1')
      .pod('victim', { uid: next, node: 'n1' }, 'scheduler#1')
      .process('restored', step, { uid: next, checkpoint })
      .checkpoint(checkpoint, { conditions: [RESTORED] });
    uid = next;
  });
  return story
    .process('ended', step + 1, { uid, reason: 'finished', exitCode: 0 })
    .output(step + 1, step + 1, uid)
    .pass(5_000);
}

test('however often a workload is interrupted and restored, the judge has nothing to say', () => {
  fc.assert(fc.property(lengths, (stretches) => assert.deepEqual(life(stretches).verdicts(), [])));
});

test('a line written twice or left out is found wherever it is', () => {
  fc.assert(
    fc.property(lengths, fc.nat(), fc.constantFrom(-1, 1), (stretches, which, shift) => {
      const { entries } = life(stretches);
      const outputs = entries.filter((entry): entry is OutputEntry => entry.kind === 'output');
      const changed = outputs[which % outputs.length];
      assert.ok(changed);
      changed.first += shift;
      assert.ok(judged(entries).includes(9));
    }),
  );
});

test('a restore at any other step than that of the dump is found', () => {
  fc.assert(
    fc.property(lengths, fc.nat(), fc.integer({ min: 1, max: 50 }), (stretches, which, lost) => {
      const { entries } = life(stretches);
      const restores = entries.filter(
        (entry): entry is ProcessEntry => entry.kind === 'process' && entry.fact === 'restored',
      );
      const changed = restores[which % restores.length];
      assert.ok(changed);
      changed.step = Math.max(0, changed.step - lost);
      const found = judged(entries);
      assert.ok(found.includes(9) && found.includes(3));
    }),
  );
});

test('what the judge finds does not depend on how it is asked in between', () => {
  fc.assert(
    fc.property(lengths, (stretches) => {
      const { entries } = life(stretches);
      const dropped = entries.filter((entry) => !(entry.kind === 'process' && entry.fact === 'removed'));
      const asked = new Judge();
      for (const entry of dropped) {
        asked.observe(entry);
        asked.violations();
      }
      assert.deepEqual([...new Set(asked.violations().map(({ invariant }) => invariant))], judged(dropped));
    }),
  );
});

function judged(entries: HistoryStory['entries']): (number | 'liveness')[] {
  const judge = new Judge();
  for (const entry of entries) judge.observe(entry);
  return [...new Set(judge.violations().map(({ invariant }) => invariant))];
}
