import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { diffContainers, overlaps } from './diff-containers.ts';
import { Fields } from './image-files.ts';
import { inspectContainer } from './inspect-container.ts';
import { mappings, type PageRun } from './memory-map.ts';
import { openFiles } from './open-files.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'dump-of-sleep');
const PAGE = 4096;

function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-inspection-'));
  for (const name of ['one', 'two']) {
    mkdirSync(join(folder, name));
    cpSync(FIXTURE, join(folder, name, 'checkpoint'), { recursive: true });
    writeFileSync(join(folder, name, 'checkpoint', 'pages-1.img'), Buffer.alloc(29 * PAGE, 1));
  }
  return check(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

test('a dump of sleep has one process, with all of its saved memory in mappings', () =>
  inFolder(async (folder) => {
    const { processes } = await inspectContainer(join(folder, 'one'));
    const [sleep] = processes;
    assert.ok(sleep && processes.length === 1);
    assert.deepEqual([sleep.pid, sleep.name, sleep.threads], [7799, 'sleep', 1]);
    assert.equal(
      sleep.memory.reduce((sum, { savedBytes }) => sum + savedBytes, 0),
      29 * PAGE,
    );
    assert.ok(
      sleep.memory.some(({ name }) => name === '[stack]') && sleep.memory.some(({ name }) => name === '[heap]'),
    );
  }));

test('a changed page is seen as one, however many there are', () =>
  inFolder(async (folder) => {
    const pages = Buffer.alloc(29 * PAGE, 1);
    for (const page of [0, 7, 28]) pages[page * PAGE + page] = 2;
    writeFileSync(join(folder, 'two', 'checkpoint', 'pages-1.img'), pages);
    const { memory } = await diffContainers(join(folder, 'one'), join(folder, 'two'));
    assert.deepEqual(memory, [{ pid: 7799, samePages: 26, changedPages: 3, addedPages: 0, removedPages: 0 }]);
  }));

test('an image that is cut is refused by name', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'one', 'checkpoint', 'mm-7799.img'), Buffer.from('19435654204849572a', 'hex'));
    await assert.rejects(inspectContainer(join(folder, 'one')), { code: 'CheckpointIncomplete', message: /mm-7799/ });
  }));

test('an image that is too large to be one is not read', () =>
  inFolder(async (folder) => {
    truncateSync(join(folder, 'one', 'checkpoint', 'mm-7799.img'), 65 * 1024 * 1024);
    await assert.rejects(inspectContainer(join(folder, 'one')), { code: 'CheckpointCorrupt', message: /mm-7799/ });
  }));

test('what is saved of each mapping is told, however the runs lie to the mappings', () => {
  const area = (start: number, end: number): Buffer => message({ 1: start, 2: end, 5: 3, 6: 2, 7: 0 });
  const runs = [
    { address: 8 * PAGE, pages: 2, offset: 0 },
    { address: 1 * PAGE, pages: 4, offset: 0 },
  ];
  const bounds = [
    [0, 1],
    [1, 3],
    [3, 9],
    [9, 20],
  ] as const;
  const mm = new Fields(Buffer.concat(bounds.map(([start, end]) => message({ 14: area(start * PAGE, end * PAGE) }))));
  assert.deepEqual(
    mappings(mm, runs, new Map()).map(({ savedBytes }) => savedBytes / PAGE),
    [0, 2, 3, 1],
  );
});

const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3)), { maxLength: 8 }).map((list) => {
  let address = 0;
  let offset = 0;
  return list.map(([pages, gap]): PageRun => {
    const run = { address: address + gap * PAGE, pages, offset };
    address = run.address + pages * PAGE;
    offset += pages * PAGE;
    return run;
  });
});
const places = (list: readonly PageRun[]): Map<number, number> =>
  new Map(
    list.flatMap(({ address, pages, offset }) =>
      Array.from({ length: pages }, (_, page) => [address + page * PAGE, offset + page * PAGE] as const),
    ),
  );

test('two memory maps overlap where both have a page, each at its own place', () => {
  fc.assert(
    fc.property(runs, runs, (one, other) => {
      const [left, right] = [places(one), places(other)];
      const want = [...left]
        .filter(([address]) => right.has(address))
        .map(([address, at]) => [address, at, right.get(address)]);
      const found = [...overlaps(one, other)].flatMap(([a, b]) =>
        Array.from({ length: a.pages }, (_, page) => [
          a.address + page * PAGE,
          a.offset + page * PAGE,
          b.offset + page * PAGE,
        ]),
      );
      assert.deepEqual(found, want);
    }),
  );
});

/** A message of numbers and messages, as protobuf writes it. */
function message(fields: Record<number, number | Buffer>): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
  return Buffer.concat(
    Object.entries(fields).map(([field, value]) =>
      typeof value === 'number'
        ? Buffer.from([...varint(Number(field) * 8), ...varint(value)])
        : Buffer.concat([Buffer.from([...varint(Number(field) * 8 + 2), ...varint(value.length)]), value]),
    ),
  );
}

test('a connection over IPv4 is told with both of its ends and its state', () => {
  const address = (...bytes: number[]): number => Buffer.from(bytes).readUInt32LE();
  const socket = message({ 3: 2, 5: 6, 6: 1, 7: 4242, 8: 80, 11: address(10, 0, 0, 1), 12: address(10, 0, 0, 2) });
  const files = new Map([[9, new Fields(message({ 1: 4, 2: 9, 4: socket }))]]);
  const descriptors = [new Fields(message({ 1: 9, 3: 4, 4: 5 }))];
  assert.deepEqual(openFiles(files, descriptors), [
    { descriptor: 5, kind: 'INETSK', name: 'TCP ESTABLISHED 10.0.0.1:4242 -> 10.0.0.2:80' },
  ]);
});
