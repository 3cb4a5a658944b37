import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { low, MINUTE, n1, urgent } from './testing-cases.ts';

test('natural ends: the cheapest wait is taken, and the summary says what it costs', () => {
  const story = new Story().nodes(n1(), node('n2').allocatable({ cpu: '2' }));
  story.pods(low('a', '1').walltime('603s'), low('b', '1', 20));
  story.pods(low('c', '1').on('n2').walltime('602s'), low('d', '1', 20).on('n2'));
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent('1'))
    .decide();
  assert.equal(decision?.type === 'Wait' && decision.nodeName, 'n2');
  assert.match(
    decision?.explanation.summary ?? '',
    /^waits on node n2 for the end of default\/c in 2 s: 1\.000 node-seconds, the cheapest interruption 1\.059$/,
  );
});

test('natural ends: who should have ended this very instant is not waited for', () => {
  const story = new Story().nodes(n1()).pods(low('a').walltime('10m'));
  story.after(10 * MINUTE).pods(urgent());
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('natural ends: a wait that came to nothing is not begun anew', () => {
  const story = new Story().nodes(n1()).pods(low('a').walltime('601s'));
  assert.deepEqual(
    story
      .after(10 * MINUTE)
      .pods(urgent())
      .brief(),
    ['Wait p → n1 until 606000'],
  );
  story.after(6_000).pods(low('a').walltime('607s'));
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('natural ends: a wait may go on as long as it keeps to its first deadline', () => {
  const story = new Story().nodes(n1()).pods(low('a').walltime('601s'));
  story
    .after(10 * MINUTE)
    .pods(urgent())
    .brief();
  story
    .after(500)
    .pods(low('a').walltime('600700ms'))
    .nodes(n1().labels({ changed: 'yes' }));
  assert.deepEqual(story.brief(), ['Wait p → n1 until 605700']);
});

test('natural ends: where several must end, the last of those needed counts', () => {
  const story = new Story().nodes(n1()).pods(low('late', '1').walltime('602s'), low('early', '1').walltime('601s'));
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.equal(decision?.type === 'Wait' && decision.until - story.now, 7_000);
  assert.match(decision?.explanation.summary ?? '', /for the end of default\/early, default\/late in 2 s/);
});

test('natural ends: who would have to be waited for longer than an interruption costs is not', () => {
  const story = new Story().nodes(n1()).pods(low('late', '1').walltime('609s'), low('early', '1').walltime('601s'));
  const [decision] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .decide();
  assert.equal(decision?.type, 'Interrupt');
});

test('natural ends: pods without one that come and go do not hide those that have one', () => {
  const story = new Story().nodes(n1(), node('n2').allocatable({ cpu: '2' })).pods(low('a').walltime('601s'));
  const others = ['x', 'y'].map((name) => low(name, '1', 20).on('n2'));
  story.pods(...others).gone(...others);
  const filler = low('z', '2', 20).on('n2');
  story.pods(filler);
  assert.deepEqual(
    story
      .after(10 * MINUTE)
      .pods(urgent())
      .brief(),
    ['Wait p → n1 until 606000'],
  );
});

test('natural ends: of equal waits the one on the first node is taken', () => {
  const story = new Story().nodes(n1(), node('n2').allocatable({ cpu: '2' }));
  story.pods(low('a').walltime('601s'), low('b').on('n2').walltime('601s'));
  const [outcome] = story
    .after(10 * MINUTE)
    .pods(urgent())
    .brief();
  assert.equal(outcome, 'Wait p → n1 until 606000');
});

test('natural ends: a wait that is looked at again and ends when it was to end goes on', () => {
  const story = new Story().nodes(n1()).pods(low('a').walltime('601s'));
  story
    .after(10 * MINUTE)
    .pods(urgent())
    .brief();
  story.after(500).nodes(n1().labels({ changed: 'yes' }));
  assert.deepEqual(story.brief(), ['Wait p → n1 until 606000']);
});
