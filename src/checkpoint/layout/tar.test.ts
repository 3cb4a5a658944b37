import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { BLOCK, encodeHeader } from './tar-header.ts';
import { readTar, type TarLimits } from './tar-reader.ts';
import { type TarSource, tarBytes, writeTar } from './tar-writer.ts';

const file = (path: string, content: Buffer | string): TarSource => {
  const bytes = Buffer.from(content);
  async function* open(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; offset += 700) yield bytes.subarray(offset, offset + 700);
  }
  return { path, kind: 'file', sizeBytes: bytes.length, open };
};

async function tarOf(...entries: TarSource[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar(entries)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

async function read(bytes: Uint8Array, limits?: TarLimits, size = 1000): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { path, kind, body } of readTar(inPieces(bytes, size), limits)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of body) pieces.push(piece);
    found.set(path, kind === 'directory' ? '/' : Buffer.concat(pieces).toString('latin1'));
  }
  return found;
}

const refused = (bytes: Uint8Array, why: RegExp, limits?: TarLimits): Promise<void> =>
  assert.rejects(read(bytes, limits), { code: 'ArchiveRefused', message: why });

test('what was written is read, whatever the pieces, names and lengths', () =>
  fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.stringMatching(/^[a-zé]{1,8}(?:\/[a-z0-9.-]{1,120}){0,3}$/), { maxLength: 8 }),
      fc.array(fc.nat(3000), { minLength: 8, maxLength: 8 }),
      fc.integer({ min: 1, max: 3000 }),
      async (names, sizes, pieces) => {
        const safe = names
          .filter((name) => name.split('/').every((part) => part !== '.' && part !== '..'))
          .filter((name, _, all) => !all.some((other) => other.startsWith(`${name}/`)));
        const entries = safe.map((name, index) => file(name, Buffer.alloc(sizes[index] ?? 0, index + 1)));
        const bytes = await tarOf(...entries);
        assert.equal(bytes.length, tarBytes(entries));
        const found = await read(bytes, undefined, pieces);
        assert.deepEqual([...found.keys()], safe);
        safe.forEach((name, index) => {
          assert.equal(found.get(name), Buffer.alloc(sizes[index] ?? 0, index + 1).toString('latin1'));
        });
      },
    ),
    { numRuns: 60 },
  ));

test('GNU tar reads what was written, and its archives of both formats are read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-tar-'));
  try {
    const long = `checkpoint/${'x'.repeat(180)}`;
    const bytes = await tarOf(
      { path: 'checkpoint', kind: 'directory', sizeBytes: 0 },
      file('config.dump', '{}'),
      file(long, 'long'),
    );
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'a.tar'), bytes);
    execFileSync('tar', ['-xf', join(folder, 'a.tar'), '-C', join(folder, 'out')]);
    assert.equal(readFileSync(join(folder, 'out', long), 'utf8'), 'long');
    for (const format of ['gnu', 'posix', 'ustar']) {
      if (format === 'ustar') rmSync(join(folder, 'out', long));
      execFileSync('tar', [`--format=${format}`, '-cf', join(folder, 'b.tar'), '-C', join(folder, 'out'), '.']);
      const found = await read(readFileSync(join(folder, 'b.tar')));
      assert.equal(found.get('config.dump'), '{}');
      assert.equal(found.get(long), format === 'ustar' ? undefined : 'long');
    }
    symlinkSync('/etc/passwd', join(folder, 'out', 'link'));
    execFileSync('tar', ['-cf', join(folder, 'c.tar'), '-C', join(folder, 'out'), '.']);
    await refused(readFileSync(join(folder, 'c.tar')), /"link" is a link/);
    rmSync(join(folder, 'out', 'link'));
    writeFileSync(join(folder, 'out', 'holes'), '');
    truncateSync(join(folder, 'out', 'holes'), 10 * 1024 * 1024);
    for (const format of ['gnu', 'posix']) {
      execFileSync('tar', [
        '--sparse',
        `--format=${format}`,
        '-cf',
        join(folder, 'd.tar'),
        '-C',
        join(folder, 'out'),
        '.',
      ]);
      await refused(readFileSync(join(folder, 'd.tar')), /sparse/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A header as written, then changed, its checksum made right. */
function header(change: (block: Buffer) => void, name = 'a', sizeBytes = 0): Buffer {
  const block = encodeHeader({ name, kind: 'file', mode: 0o600, sizeBytes });
  change(block);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const END = Buffer.alloc(2 * BLOCK);
const typed = (type: string): Buffer => Buffer.concat([header((block) => block.write(type, 156, 'latin1')), END]);

const hostile: Record<string, [() => Promise<Buffer> | Buffer, RegExp, TarLimits?]> = {
  'a name with dots that lead up': [() => tarOf(file('a/../../etc/passwd', 'x')), /leads out/],
  'a name that begins with dots': [() => tarOf(file('../a', 'x')), /leads out/],
  'an absolute name': [() => tarOf(file('/etc/passwd', 'x')), /leads out/],
  'an absolute name behind a dot': [() => tarOf(file('.//etc/passwd', 'x')), /leads out/],
  'an empty name': [() => Buffer.concat([header(() => undefined, ''), END]), /leads out/],
  'a name with a backslash': [() => tarOf(file('a\\..\\b', 'x')), /leads out/],
  'a name twice': [() => tarOf(file('a', '1'), file('b', '2'), file('a', '3')), /"a" is in it twice/],
  'a name twice, written in two ways': [() => tarOf(file('a', '1'), file('./a', '2')), /"a" is in it twice/],
  'a file below a file': [() => tarOf(file('a', '1'), file('a/b', '2')), /"a" is a file and a folder/],
  'a file where a folder is': [() => tarOf(file('a/b/c', '1'), file('a/b', '2')), /"a\/b" is a file and a folder/],
  'a folder below a file': [
    () => tarOf(file('a', '1'), { path: 'a/b', kind: 'directory', sizeBytes: 0 }),
    /"a" is a file and a folder/,
  ],
  'a hard link': [() => typed('1'), /is a link/],
  'a symbolic link': [() => typed('2'), /is a link/],
  'a character device': [() => typed('3'), /is a device/],
  'a block device': [() => typed('4'), /is a device/],
  'a FIFO': [() => typed('6'), /is a device/],
  'a sparse file': [() => typed('S'), /is a sparse/],
  'an unknown kind': [() => typed('Z'), /unknown kind/],
  'an extended header of a gigabyte': [
    () => header((block) => block.write('x', 156, 'latin1'), 'a', 1_000_000_000),
    /a header has 1000000000 bytes/,
  ],
  'a size beyond all numbers': [
    () => Buffer.concat([header((block) => block.fill(0xff, 124, 136)), END]),
    /size is too large/,
  ],
  'a size that is none': [
    () => Buffer.concat([header((block) => block.write('9z', 124, 'latin1')), END]),
    /is no number/,
  ],
  'more entries than allowed': [
    () => tarOf(...Array.from({ length: 11 }, (_, index) => file(`f${index}`, ''))),
    /more than 10 entries/,
    { entries: 10, totalBytes: 1e9 },
  ],
  'more bytes than allowed': [
    () => tarOf(file('a', Buffer.alloc(600)), file('b', Buffer.alloc(600))),
    /more than 1000 bytes/,
    { entries: 10, totalBytes: 1000 },
  ],
  'no archive at all': [() => Buffer.from('hello'.repeat(200)), /checksum|no number/],
  nothing: [() => Buffer.alloc(0), /ends before its end/],
};

for (const [what, [make, why, limits]] of Object.entries(hostile)) {
  test(`refused: ${what}`, async () => refused(await make(), why, limits));
}

test('an archive cut at any byte before its end mark is refused', async () => {
  const bytes = await tarOf(file('a', 'x'.repeat(700)), file(`long/${'y'.repeat(150)}`, 'z'));
  const content = bytes.length - 2 * BLOCK;
  for (let length = 0; length <= content; length += 1) await refused(bytes.subarray(0, length), /ends before its end/);
});

test('a bit flipped in any header is seen, or changes nothing but what it stands for', async () => {
  const bytes = await tarOf(file('a', 'content'));
  const before = JSON.stringify([...(await read(bytes))]);
  for (let bit = 0; bit < BLOCK * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const outcome = await read(flipped).then(
      (found) => JSON.stringify([...found]),
      (error: { code?: string }) => error.code,
    );
    assert.ok(outcome === 'ArchiveRefused' || outcome === before, `bit ${bit}: ${outcome}`);
  }
});

test('any bytes at all are read or refused, and never anything else', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 4000 }), async (bytes) => {
      await read(bytes).catch((error: { code?: string }) => assert.equal(error.code, 'ArchiveRefused'));
    }),
    { numRuns: 200 },
  ));
