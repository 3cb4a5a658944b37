import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { swfLine } from '../testing.ts';
import { readSwf } from './swf.ts';
import type { RejectedLine, Trace } from './trace-job.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-swf-'));
});
after(() => rmSync(folder, { recursive: true }));

async function read(content: string | Buffer, onRejected?: (rejected: RejectedLine) => void): Promise<Trace> {
  const path = join(folder, 'trace.swf');
  writeFileSync(path, content);
  return await readSwf(path, onRejected === undefined ? {} : { onRejected });
}

const GOOD = { 1: 1, 2: 0, 4: 60, 5: 4 };

test('a job takes its allocated processors, its queue by name, its use from its processor time', async () => {
  const header = ['; MaxProcs: 128', '; Queue:  1  express'];
  const line = swfLine({ 1: 7, 2: 10, 4: 100, 5: 4, 6: 80, 7: 1024, 8: 9, 9: 600, 12: 3, 15: 1 });
  const trace = await read([...header, line, ''].join('\n'));
  assert.equal(trace.processors, 128);
  assert.deepEqual(trace.jobs, [
    {
      id: '7',
      submitSeconds: 10,
      runSeconds: 100,
      processors: 4,
      walltimeSeconds: 600,
      memoryBytes: 4 * 1024 * 1024,
      usedShare: 0.8,
      user: '3',
      queue: 'express',
    },
  ]);
  assert.equal(trace.rejected.count, 0);
});

test('without allocated processors the requested ones count', async () => {
  const { jobs } = await read(swfLine({ ...GOOD, 5: -1, 8: 3 }));
  assert.equal(jobs[0]?.processors, 3);
});

const BROKEN: Record<string, { line: string; reason: RegExp }> = {
  'a negative submit time': { line: swfLine({ ...GOOD, 2: -5 }), reason: /submit time is negative: -5/ },
  'a negative run time': { line: swfLine({ ...GOOD, 4: -1 }), reason: /run time is negative/ },
  'a run time of zero': { line: swfLine({ ...GOOD, 4: 0 }), reason: /run time is zero/ },
  'zero processors': { line: swfLine({ ...GOOD, 5: 0, 8: 0 }), reason: /no processors: allocated 0, requested 0/ },
  'half a processor': { line: swfLine({ ...GOOD, 5: 1.5 }), reason: /not a whole number/ },
  'too few fields': { line: '1 2 3', reason: /fewer than 18 fields: 3/ },
  words: { line: swfLine({ ...GOOD, 4: 'soon' }), reason: /not a number: field 4 is "soon"/ },
  'infinite time': { line: swfLine({ ...GOOD, 4: 'Infinity' }), reason: /not a number: field 4/ },
  'a part of a checkpointed job': { line: swfLine({ ...GOOD, 11: 2 }), reason: /part of a job/ },
  'a job number again': { line: swfLine({ ...GOOD, 1: 99 }), reason: /job number occurs again: 99, first in line 1/ },
  'a line without end': { line: 'x'.repeat(200_000), reason: /line is too long/ },
  'bytes that are no text': { line: '\x00\x01\xff\xfe', reason: /fewer than 18 fields/ },
};

for (const [name, { line, reason }] of Object.entries(BROKEN)) {
  test(`${name} is reported with its line, and the rest is read`, async () => {
    const heard: RejectedLine[] = [];
    const lines = [swfLine({ ...GOOD, 1: 99 }), line, swfLine({ ...GOOD, 1: 100, 2: 5 })];
    const trace = await read(lines.join('\n'), (one) => heard.push(one));
    assert.deepEqual(
      trace.jobs.map(({ id }) => id),
      ['99', '100'],
    );
    assert.equal(trace.rejected.count, 1);
    assert.equal(heard[0]?.line, 2);
    assert.match(heard[0]?.reason ?? '', reason);
    assert.deepEqual(trace.rejected.first, heard);
  });
}

test('unsorted lines are sorted by submission, equals in order of the file, and that is said', async () => {
  const lines = [
    swfLine({ ...GOOD, 1: 1, 2: 50 }),
    swfLine({ ...GOOD, 1: 2, 2: 10 }),
    swfLine({ ...GOOD, 1: 3, 2: 50 }),
  ];
  const { jobs, warnings } = await read(lines.join('\r\n'));
  assert.deepEqual(
    jobs.map(({ id }) => id),
    ['2', '1', '3'],
  );
  assert.match(warnings[0] ?? '', /1 lines stand after later submissions/);
});

test('gzip is recognised by its bytes and gives the same jobs', async () => {
  const text = Array.from({ length: 500 }, (_, index) => swfLine({ ...GOOD, 1: index, 2: index })).join('\n');
  const plain = await read(text);
  assert.equal(plain.jobs.length, 500);
  assert.deepEqual((await read(gzipSync(text))).jobs, plain.jobs);
});

test('a gzip file that was cut off is an error, no half trace', async () => {
  const whole = gzipSync(Array.from({ length: 5_000 }, (_, index) => swfLine({ ...GOOD, 1: index })).join('\n'));
  await assert.rejects(read(whole.subarray(0, whole.length / 2)), { code: 'TraceUnreadable' });
});

test('a file that is not there is named', async () => {
  await assert.rejects(readSwf(join(folder, 'missing.swf')), { code: 'TraceUnreadable', message: /missing\.swf/ });
});

test('megabytes of garbage keep only the first complaints', async () => {
  const trace = await read(`${'garbage\n'.repeat(20_000)}${'z'.repeat(3_000_000)}`);
  assert.equal(trace.jobs.length, 0);
  assert.equal(trace.rejected.count, 20_001);
  assert.equal(trace.rejected.first.length, 1_000);
  assert.deepEqual(trace.rejected.byKind, { 'fewer than 18 fields': 20_000, 'line is too long': 1 });
});
