import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryStore } from '../stores/memory-store.ts';
import { RunBuilder, RunCursor } from './contents.ts';
import { ArchiveGround, pages, treeOf } from './testing-ground.ts';

const PAGE = 4096;
const MEMORY = pages(300, 3);
const FILES = { 'pages-1.img': MEMORY, 'tail.tar': randomBytes(100_000), 'empty.img': Buffer.alloc(0) };

/** Every twentieth page new, some zeros, one moved, a few more at the end. */
function changed(): Buffer {
  const bytes = Buffer.concat([MEMORY, randomBytes(3 * PAGE + 17)]);
  for (let page = 0; page < 300; page += 20) randomBytes(PAGE).copy(bytes, page * PAGE);
  bytes.fill(0, 31 * PAGE, 33 * PAGE);
  MEMORY.copy(bytes, 41 * PAGE, 42 * PAGE, 43 * PAGE);
  return bytes;
}

const EARLIER: Record<string, (directory: string) => void> = {
  'as it was archived': () => undefined,
  'with a page altered since': (directory) => {
    const bytes = Buffer.from(MEMORY);
    bytes[7 * PAGE] = (bytes[7 * PAGE] ?? 0) ^ 1;
    writeFileSync(join(directory, 'pages-1.img'), bytes);
  },
  'with a file cut': (directory) => truncateSync(join(directory, 'pages-1.img'), 100 * PAGE),
  'with a file gone': (directory) => rmSync(join(directory, 'pages-1.img')),
  gone: (directory) => rmSync(directory, { recursive: true }),
};

for (const [sentence, alter] of Object.entries(EARLIER)) {
  test(`a second checkpoint is stored as it is, and in as few bytes, beside the first one's files ${sentence}`, async () => {
    using ground = new ArchiveGround();
    const store = new MemoryStore();
    const first = ground.directory('first', FILES);
    await ground.upload(store, first, 'one');
    const files = {
      ...FILES,
      'pages-1.img': changed(),
      'tail.tar': Buffer.concat([FILES['tail.tar'], Buffer.alloc(9)]),
    };
    const second = ground.directory('second', files);
    const alone = await ground.upload(store, second, 'alone', { basedOn: ['one'] });
    alter(first);
    const directoryOf = (archive: string): string => join(ground.root, archive === 'one' ? 'first' : 'none');
    const beside = await ground.upload(store, second, 'beside', { basedOn: ['one'], directoryOf });
    assert.ok(Math.abs(beside.sentBytes - alone.sentBytes) < 200, `${beside.sentBytes}, alone ${alone.sentBytes}`);
    assert.deepEqual(treeOf(await ground.download(store, 'beside')), treeOf(second));
  });
}

test('a cursor says of every chunk what the runs were built of', () => {
  const places = fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(places, fc.integer({ min: 1, max: 5 }), (chunks, stride) => {
      const builder = new RunBuilder();
      for (const [record, slot] of chunks) builder.add(record, slot);
      const cursor = new RunCursor(builder.finish((record) => record));
      for (let chunk = 0; chunk < chunks.length; chunk += stride) {
        const [record = 0, slot = 0] = chunks[chunk] ?? [];
        cursor.seek(chunk);
        assert.deepEqual([cursor.record, cursor.slot], [record, record === 0 ? 0 : slot]);
      }
      assert.throws(() => cursor.seek(chunks.length), RangeError);
    }),
  );
});
