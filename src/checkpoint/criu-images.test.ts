import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { imageEntries } from './criu-image.ts';
import { verifyCriuImages, verifyDump } from './criu-images.ts';
import { parseDumpStatistics, readDumpStatistics } from './dump-statistics.ts';
import { MemoryFiles } from './memory-files.ts';
import { readProtobuf } from './protobuf-reader.ts';

const FIXTURE = join(import.meta.dirname, 'fixtures', 'dump-of-sleep');
const PAGES = 29;

/** The images CRIU wrote of a real process, by name, with `change` made to them. */
async function dumpWith(change: (images: Map<string, Uint8Array>) => void, folder = ''): Promise<MemoryFiles> {
  const images = new Map<string, Uint8Array>([['pages-1.img', new Uint8Array(PAGES * 4096)]]);
  for (const name of await readdir(FIXTURE)) images.set(name, await readFile(join(FIXTURE, name)));
  change(images);
  const files = new MemoryFiles();
  await files.makeDirectory('/dump');
  for (const [name, bytes] of images) await files.write('/dump', `${folder}${name}`, bytes);
  return files;
}

function cut(name: string, keep: number): (images: Map<string, Uint8Array>) => void {
  return (images) => images.set(name, (images.get(name) ?? new Uint8Array()).subarray(0, keep));
}

test('images that CRIU wrote of a real process are whole', async () => {
  await verifyCriuImages('/dump', { files: await dumpWith(() => undefined) });
});

test('the statistics are those that `crit show stats-dump` shows', async () => {
  assert.deepEqual(await readDumpStatistics('/dump', { files: await dumpWith(() => undefined) }), {
    freezingMicroseconds: 102,
    frozenMicroseconds: 19_043,
    memdumpMicroseconds: 332,
    memwriteMicroseconds: 114,
    pagesScanned: 56,
    pagesSkippedParent: 0,
    pagesWritten: PAGES,
  });
});

const damages: Record<string, { change: (images: Map<string, Uint8Array>) => void; says: RegExp }> = {
  'pages cut in half': {
    change: cut('pages-1.img', (PAGES * 4096) / 2),
    says: /pages-1\.img has 59392 bytes, while the memory map names 29 pages/,
  },
  'pages cut by one': { change: cut('pages-1.img', (PAGES - 1) * 4096), says: /names 29 pages/ },
  'no pages': { change: (images) => images.delete('pages-1.img'), says: /pages-1\.img is missing/ },
  'no inventory': { change: (images) => images.delete('inventory.img'), says: /inventory\.img is missing/ },
  'an empty inventory': { change: cut('inventory.img', 0), says: /inventory\.img: it is cut after 0 bytes/ },
  'no process tree': { change: (images) => images.delete('pstree.img'), says: /pstree\.img is missing/ },
  'a process tree without a process': { change: cut('pstree.img', 8), says: /pstree\.img names no process/ },
  'no core of a process': { change: (images) => images.delete('core-7799.img'), says: /core-7799\.img is missing/ },
  'a core that is cut': { change: cut('core-7799.img', 1000), says: /core-7799\.img: it is cut after 1000 bytes/ },
  'no map of a process': {
    change: (images) => images.delete('pagemap-7799.img'),
    says: /pagemap-7799\.img is missing/,
  },
  'a map that is cut': { change: cut('pagemap-7799.img', 200), says: /pagemap-7799\.img: it is cut after 200 bytes/ },
  'a map of nothing': { change: cut('pagemap-7799.img', 8), says: /pagemap-7799\.img: it names no pages file/ },
  'memory areas that are cut': { change: cut('mm-7799.img', 50), says: /mm-7799\.img: it is cut after 50 bytes/ },
  'a file of zeros in the place of an image': {
    change: (images) => images.set('core-7799.img', new Uint8Array(2631)),
    says: /core-7799\.img: it does not start as a CRIU core image/,
  },
};

for (const [sentence, { change, says }] of Object.entries(damages)) {
  test(`a dump with ${sentence} is incomplete`, async () => {
    await assert.rejects(verifyCriuImages('/dump', { files: await dumpWith(change) }), {
      code: 'CheckpointIncomplete',
      message: says,
    });
  });
}

test('images are found below the folder of their container', async () => {
  const files = await dumpWith(() => undefined, 'main/checkpoint/');
  await verifyDump('/dump', ['main'], { files });
  await assert.rejects(verifyDump('/dump', ['main', 'side'], { files }), {
    code: 'CheckpointIncomplete',
    message: /container side has no CRIU image/,
  });
});

test('a dump that left no directory is incomplete, whatever was reported', async () => {
  await assert.rejects(verifyDump('/none', ['main'], { files: new MemoryFiles() }), { code: 'CheckpointIncomplete' });
});

test('the damage is named with the path inside the checkpoint', async () => {
  const files = await dumpWith(cut('pages-1.img', 4096), 'main/');
  await assert.rejects(verifyDump('/dump', ['main'], { files }), {
    message: /^checkpoint \/dump: main\/pages-1\.img /,
  });
});

test('whatever the bytes, parsers give an answer or a RangeError', () => {
  const parsers: ((bytes: Uint8Array) => unknown)[] = [
    (bytes) => [...readProtobuf(bytes)],
    (bytes) => imageEntries(bytes, 'core'),
    parseDumpStatistics,
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (noise, withMagic) => {
      const magic = withMagic ? Buffer.from('4059105506330957', 'hex') : Buffer.alloc(0);
      for (const parse of parsers) {
        try {
          parse(Buffer.concat([magic, noise]));
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }
    }),
  );
});
