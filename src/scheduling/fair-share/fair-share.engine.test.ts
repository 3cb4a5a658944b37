import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PROFILE, type Profile } from '../framework/profile.ts';
import { node, pod } from '../testing.ts';
import { Play } from '../testing-play.ts';
import type { FairShareOptions } from './fair-share.ts';

const MINUTE = 60_000;

const sharing = (options: FairShareOptions): { profile: Profile } => ({
  profile: {
    ...DEFAULT_PROFILE,
    plugins: DEFAULT_PROFILE.plugins.map((entry) => (entry.name === 'PrioritySort' ? { name: 'FairShare' } : entry)),
    args: { FairShare: options },
  },
});

/** Minutes of the one cpu that each namespace had within `until`, with both of them always waiting for more. */
function split(options: { profile: Profile }, until: number): Record<'a' | 'b', number> {
  const world = new Play(options, [node('n1').allocatable({ cpu: '1' })]);
  for (let index = 0; index < 60; index++) {
    // All of `a` came first.
    for (const [namespace, when] of [
      ['a', 0],
      ['b', 1_000],
    ] as const) {
      const builder = pod(`${namespace}-${index}`).namespace(namespace).requests({ cpu: '1' });
      world.submit(builder, { when, runs: MINUTE });
    }
  }
  world.play(until);
  const had = { a: 0, b: 0 };
  for (const { name, from } of world.runs) if (from < until) had[name.startsWith('a') ? 'a' : 'b'] += 1;
  return had;
}

test('in plain priority order who came first has everything', () => {
  assert.deepEqual(split({ profile: DEFAULT_PROFILE }, 20 * MINUTE - 1), { a: 20, b: 0 });
});

test('with fair share both have half of it', () => {
  const { a, b } = split(sharing({ halfLifeSeconds: 3_600 }), 20 * MINUTE - 1);
  assert.ok(Math.abs(a - b) <= 1, `${a} : ${b}`);
});

test('three shares are three times as much as one', () => {
  const { a, b } = split(sharing({ halfLifeSeconds: 86_400, shares: { b: 3 } }), 40 * MINUTE - 1);
  assert.ok(Math.abs(b - 3 * a) <= 4, `${a} : ${b}`);
});

test('a decision tells what the place in the queue rested on', () => {
  const world = new Play(sharing({ halfLifeSeconds: 3_600, shares: { a: 3 } }), [node('n1').allocatable({ cpu: '1' })]);
  world.submit(pod('a-1').namespace('a').requests({ cpu: '1' }), { when: 0, runs: 60 * MINUTE });
  world.submit(pod('b-1').namespace('b').requests({ cpu: '1' }), { when: 30 * MINUTE, runs: MINUTE });
  world.play(30 * MINUTE);
  const order = world.decided.at(-1)?.decision.explanation.order;
  assert.equal(
    order,
    'fair share of namespace b: 1 of 4 shares, used the whole cluster for 0.00 h (decayed), factor 1.000',
  );
});
