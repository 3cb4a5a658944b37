import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { SystemClock } from '../../clock/index.ts';
import type { LogOptions } from '../runtime.ts';
import { parseLine, readLog } from './k8s-log.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-log-'));
});
after(() => rm(folder, { recursive: true }));

const line = (second: number, tag: 'F' | 'P', text: string, stream = 'stdout'): string =>
  `2026-11-22T06:05:${String(second).padStart(2, '0')}.366474046Z ${stream} ${tag} ${text}\n`;

const LOG =
  line(1, 'F', 'one') +
  line(2, 'P', 'two, fir') +
  line(3, 'F', 'st half') +
  line(4, 'F', '', 'stderr') +
  line(5, 'F', 'four');

const read = async (content: string, options: LogOptions): Promise<string> => {
  const path = join(folder, 'ctr.log');
  await writeFile(path, content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readLog(path, options, new SystemClock(), async () => true)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

const CASES: Record<string, { options: LogOptions; want: string }> = {
  'parts of a line are put together': { options: {}, want: 'one\ntwo, first half\n\nfour\n' },
  'the last lines are counted whole': { options: { tailLines: 3 }, want: 'two, first half\n\nfour\n' },
  'more lines than there are is all': { options: { tailLines: 99 }, want: 'one\ntwo, first half\n\nfour\n' },
  'no lines is nothing': { options: { tailLines: 0 }, want: '' },
  'a limit cuts to the byte': { options: { limitBytes: 6 }, want: 'one\ntw' },
  'what is older is left out': { options: { since: Date.parse('2026-11-22T06:05:04Z') }, want: '\nfour\n' },
  'times stand in front of lines, not of their parts': {
    options: { timestamps: true, tailLines: 3 },
    want: '2026-11-22T06:05:02.366474046Z two, first half\n2026-11-22T06:05:04.366474046Z \n2026-11-22T06:05:05.366474046Z four\n',
  },
  'following a container that has ended gives what there is': {
    options: { follow: true },
    want: 'one\ntwo, first half\n\nfour\n',
  },
};

for (const [sentence, { options, want }] of Object.entries(CASES)) {
  test(sentence, async () => assert.equal(await read(LOG, options), want));
}

test('a line torn by a crash is passed over', async () => {
  assert.equal(await read(`${line(1, 'F', 'one')}garbage\n${line(2, 'F', 'two')}2026-11-22T06:05`, {}), 'one\ntwo\n');
  assert.equal(parseLine(Buffer.from('no time at all')), undefined);
});

test('a log that is not there is empty', async () => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readLog(join(folder, 'none'), {}, new SystemClock(), async () => true)) chunks.push(chunk);
  assert.deepEqual(chunks, []);
});

test('whatever the lines, their last n are the same read from the end as read through', async () => {
  const text = fc.string({ maxLength: 2_000 }).map((value) => value.replaceAll('\n', ' '));
  const entries = fc.array(fc.tuple(fc.constantFrom('F' as const, 'P' as const), text), { maxLength: 120 });
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(130), async (lines, tailLines) => {
      const content = [...lines, ['F', 'end'] as const].map(([tag, value]) => line(1, tag, value)).join('');
      const all = (await read(content, {})).split('\n').slice(0, -1);
      const want = tailLines === 0 ? [] : all.slice(-tailLines);
      assert.equal(await read(content, { tailLines }), want.map((value) => `${value}\n`).join(''));
    }),
    { numRuns: 60 },
  );
});
