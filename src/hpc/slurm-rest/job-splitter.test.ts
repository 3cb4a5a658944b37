import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JobSplitter } from './job-splitter.ts';

function split(text: string, cuts: readonly number[]): { jobs: unknown[]; rest: unknown } {
  const bytes = Buffer.from(text);
  const jobs: unknown[] = [];
  const splitter = new JobSplitter((job) => jobs.push(job));
  const bounds = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other), bytes.length];
  for (const [index, to] of bounds.entries()) splitter.push(bytes.subarray(bounds[index - 1] ?? 0, to));
  return { jobs, rest: splitter.end() };
}

test('an answer in any pieces gives the same jobs and the same rest as when it is read at once', () => {
  const job = fc.dictionary(fc.string(), fc.jsonValue());
  const other = fc.dictionary(
    fc.string().filter((name) => name !== 'jobs'),
    fc.jsonValue(),
  );
  const text = fc.tuple(fc.array(job), other, other, fc.constantFrom(undefined, 1, 2));
  fc.assert(
    fc.property(text, fc.array(fc.nat()), ([jobs, before, after, indentation], cuts) => {
      const answer = JSON.stringify({ ...before, jobs, ...after }, null, indentation);
      const whole = JSON.parse(answer) as { jobs: unknown[] };
      assert.deepEqual(split(answer, cuts), { jobs: whole.jobs, rest: { ...whole, jobs: [] } });
    }),
  );
});

test('an array of that name elsewhere is left as it is, and so is what is no array', () => {
  for (const answer of [
    { meta: { jobs: [{ a: 1 }] }, other: [{ jobs: [2] }] },
    { jobs: null },
    { a: 'jobs', b: [{}] },
  ]) {
    assert.deepEqual(split(JSON.stringify(answer), [3, 9]), { jobs: [], rest: answer });
  }
});

test('what is no JSON is not taken for an answer', () => {
  for (const text of ['', 'Authentication failure', '{"jobs": [{"a": 1}']) {
    assert.throws(() => split(text, []), SyntaxError);
  }
});
