import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { firstSeed } from './soak-seed.ts';

const AGENT = { path: 'src/agent/agent.ts', text: 'export class Agent {}\n' };
const CLOCK = { path: 'src/clock/clock.ts', text: 'export interface Clock {}\n' };

test('the seed is the beginning of the SHA-256 of paths and texts', () => {
  const whole = `${AGENT.path}\0${AGENT.text}\0${CLOCK.path}\0${CLOCK.text}\0`;
  const digest = createHash('sha256').update(whole).digest('hex');
  assert.equal(firstSeed([AGENT, CLOCK]), Number.parseInt(digest.slice(0, 8), 16) % 2 ** 31);
});

test('the order in which files are found does not matter', () => {
  assert.equal(firstSeed([CLOCK, AGENT]), firstSeed([AGENT, CLOCK]));
});

test('tests, scripts and benchmarks do not change the seed', () => {
  const others = ['src/agent/agent.test.ts', 'test/soak/guards.ts', 'scripts/gate/soak.ts', 'bench/soak.ts'];
  const more = others.map((path) => ({ path, text: 'more\n' }));
  assert.equal(firstSeed([AGENT, CLOCK, ...more]), firstSeed([AGENT, CLOCK]));
});

const CHANGES: Readonly<Record<string, readonly (typeof AGENT)[]>> = {
  'a change of a text': [{ ...AGENT, text: 'export class Agent { }\n' }, CLOCK],
  'a file that moves': [{ ...AGENT, path: 'src/agent/the-agent.ts' }, CLOCK],
  'a new file': [AGENT, CLOCK, { path: 'src/soak/world.ts', text: '' }],
  'a file that goes': [AGENT],
};

for (const [change, sources] of Object.entries(CHANGES)) {
  test(`${change} brings another seed`, () => {
    assert.notEqual(firstSeed(sources), firstSeed([AGENT, CLOCK]));
  });
}
