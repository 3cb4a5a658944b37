import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyInventory, type TenantInventory } from './inventory.ts';
import { DEFAULT_GARBAGE_GRACES, garbageOf } from './mark.ts';

const NOW = 1_000_000_000_000;
const { youngMilliseconds: YOUNG, abandonedMilliseconds: ABANDONED } = DEFAULT_GARBAGE_GRACES;

interface Story {
  /** Archive → age of its manifest, and the segments it refers to. */
  archives?: Record<string, { age: number; refers: string[] }>;
  claims?: Record<string, { age: number; refers: string[] }>;
  keys?: Record<string, number>;
  /** Segment → its age. */
  segments?: Record<string, number>;
  want: Record<string, string>;
}

const stories: Record<string, Story> = {
  'what an archive refers to stays, whoever wrote it': {
    archives: { b: { age: ABANDONED * 9, refers: ['a/1', 'b/1'] } },
    segments: { 'a/1': ABANDONED * 9, 'b/1': ABANDONED * 9 },
    want: {},
  },
  'a segment of an archive that was removed goes': {
    segments: { 'a/1': YOUNG },
    want: { 'segments/a/1': 'Unreferenced' },
  },
  'what was written a moment ago stays': { segments: { 'a/1': YOUNG - 1 }, want: {} },
  'an upload under way keeps what it wrote and what it relies on': {
    claims: { b: { age: YOUNG * 2, refers: ['a/1'] } },
    keys: { b: YOUNG * 2 },
    segments: { 'a/1': ABANDONED * 9, 'a/2': ABANDONED * 9, 'b/1': YOUNG * 2 },
    want: { 'segments/a/2': 'Unreferenced' },
  },
  'a long upload that sends on is not given up': {
    claims: { b: { age: ABANDONED * 3, refers: ['a/1'] } },
    segments: { 'a/1': ABANDONED * 9, 'b/1': ABANDONED * 2, 'b/2': ABANDONED - 1 },
    want: {},
  },
  'of one that was not heard of for a day all goes, and what it relied on': {
    claims: { b: { age: ABANDONED, refers: ['a/1'] } },
    keys: { b: ABANDONED },
    segments: { 'a/1': ABANDONED * 9, 'b/1': ABANDONED },
    want: {
      'segments/a/1': 'Unreferenced',
      'segments/b/1': 'Abandoned',
      'archives/b/key.age': 'Abandoned',
      'claims/b': 'Abandoned',
    },
  },
  'a key of an archive stays, that of none goes': {
    archives: { a: { age: ABANDONED, refers: [] } },
    keys: { a: ABANDONED, b: ABANDONED },
    want: { 'archives/b/key.age': 'Abandoned' },
  },
};

for (const [sentence, story] of Object.entries(stories)) {
  test(sentence, () => {
    const inventory: TenantInventory = emptyInventory('t');
    const blob = (key: string, age: number) => ({ key, size: 1, modified: NOW - age });
    const { archives = {}, claims = {}, keys = {}, segments = {} } = story;
    for (const [name, { age }] of Object.entries(archives)) {
      inventory.manifests.set(name, blob(`archives/${name}/manifest`, age));
    }
    for (const [name, { age }] of Object.entries(claims)) inventory.claims.set(name, blob(`claims/${name}`, age));
    for (const [name, age] of Object.entries(keys)) inventory.keys.set(name, blob(`archives/${name}/key.age`, age));
    for (const [name, age] of Object.entries(segments)) inventory.segments.set(name, blob(`segments/${name}`, age));
    const referenced = new Set(Object.values(archives).flatMap(({ refers }) => refers));
    const claimed = new Map(Object.entries(claims).map(([name, { refers }]) => [name, refers]));
    const found = garbageOf(inventory, referenced, claimed, NOW);
    assert.deepEqual(Object.fromEntries(found.map(({ key, why }) => [key, why])), story.want);
  });
}
