import assert from 'node:assert/strict';
import { test } from 'node:test';
import { corpus, fuzz, tryReader } from './testing-fuzz.ts';

/** More by hand: `FERMATA_FUZZ_RUNS=10000000 FERMATA_FUZZ_SEED=7 node --test src/checkpoint/archive/fuzz.test.ts`. */
const RUNS = Number(process.env.FERMATA_FUZZ_RUNS ?? 20_000);
const READERS = 16;
const SEED = Number(process.env.FERMATA_FUZZ_SEED ?? 1);

test('the corpus has an input for each reader that is read, and each of the others is refused', async () => {
  const inputs = corpus();
  assert.equal(new Set(inputs.map(({ reader }) => reader)).size, READERS);
  for (const { reader, name, bytes } of inputs) {
    const isGood = !name.includes('--');
    // Whom a key file is for can be read; nobody here has the key.
    assert.equal(await tryReader(reader, bytes), isGood && reader !== 'key.age' ? 'read' : 'refused', name);
  }
});

test(`no reader breaks on ${RUNS} mutated inputs of the corpus (seed ${SEED})`, async () => {
  const { read, refused } = await fuzz(RUNS, SEED);
  assert.equal(read + refused, RUNS);
  assert.ok(read > RUNS / 100, `${read} were read`);
  assert.ok(refused > RUNS / 2, `${refused} were refused`);
});
