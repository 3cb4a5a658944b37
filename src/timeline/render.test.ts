import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTimeline } from './render.ts';
import type { Transition } from './stage.ts';

const story: Transition[] = [
  { workload: 'default/thesis', at: 0, stage: 'waiting' },
  { workload: 'default/thesis', at: 1_000, stage: 'running', node: 'node-1' },
  { workload: 'default/urgent', at: 4_000, stage: 'waiting' },
  { workload: 'default/thesis', at: 4_000, stage: 'checkpointing', node: 'node-1' },
  { workload: 'default/thesis', at: 4_100, stage: 'suspended' },
  { workload: 'default/urgent', at: 4_200, stage: 'running', node: 'node-1' },
  { workload: 'default/urgent', at: 7_000, stage: 'finished', node: 'node-1' },
  { workload: 'default/thesis', at: 7_500, stage: 'running', node: 'node-1' },
  { workload: 'default/thesis', at: 10_000, stage: 'finished', node: 'node-1' },
];

test('who held which node when, and who waited, each on its line', () => {
  const lines = renderTimeline(story, { now: 10_000, width: 60 }).split('\n');
  assert.equal(lines[0], 'node node-1');
  assert.match(lines[1] ?? '', /^ {2}default\/thesis +█+▒ +█+$/);
  assert.match(lines[2] ?? '', /^ {2}default\/urgent +█+$/);
  assert.equal(lines[3], 'no node');
  assert.match(lines[4] ?? '', /^ {2}default\/thesis +·+ +░+$/);
  assert.match(lines[5] ?? '', /^ {2}default\/urgent +·$/);
  assert.match(lines[6] ?? '', /^ +0 +10\.0 s$/);
});

test('a dump shorter than a column is still seen', () => {
  const text = renderTimeline(story, { now: 3_600_000, width: 60 });
  assert.ok(text.split('\n')[1]?.includes('▒'));
});

test('no line is wider than asked for', () => {
  for (const width of [60, 80, 133]) {
    const longest = Math.max(
      ...renderTimeline(story, { now: 10_000, width })
        .split('\n')
        .slice(0, -2)
        .map((line) => line.length),
    );
    assert.ok(longest <= width, `${longest} > ${width}`);
  }
});

test('nothing to draw is said', () => {
  assert.equal(renderTimeline([], { now: 0, width: 80 }), 'nothing has run yet\n');
});
