import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Random, seededRandom } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { imageEntries } from '../criu-image.ts';
import { parseDumpStatistics } from '../dump-statistics.ts';
import { Fields } from '../inspection/image-files.ts';
import { mappings, pageRuns } from '../inspection/memory-map.ts';
import { openFiles } from '../inspection/open-files.ts';
import { ageStanzas } from '../keys/age-file.ts';
import { decodeDataKey } from '../keys/data-key-file.ts';
import { parseIdentities } from '../keys/identity.ts';
import { parseRecipients } from '../keys/recipient.ts';
import { decodeImageManifest } from '../layout/image-manifest.ts';
import { readTar } from '../layout/tar-reader.ts';
import { decodeManifest } from '../manifest-format.ts';
import { readProtobuf } from '../protobuf-reader.ts';
import { decodeContents } from './contents-codec.ts';
import { decodeHeader } from './manifest-header.ts';
import { decompressed } from './record.ts';
import { openManifest } from './sealed-manifest.ts';
import { recordsOfSegment } from './segment-blob.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
/** Of what a mutated input may grow to. */
const MAX_BYTES = 64 * 1024;
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];

/** Everything that reads bytes of an archive, a key file or a dump before, or without, a signature says whose they are. */
const READERS: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  manifest: (bytes) => {
    const header = decodeHeader(bytes);
    return openManifest(
      { header, digest: '', sizeBytes: bytes.length, body: bytes.subarray(bytes.readUInt32BE(8) + 12) },
      undefined,
    );
  },
  contents: (bytes) => decodeContents(bytes, []),
  segment: (bytes) => recordsOfSegment('lab', 'one/000000000000000000000000', bytes, undefined),
  zstd: (bytes) => decompressed(bytes, 'zstd', 4096),
  'key.age': (bytes) => [ageStanzas(bytes), decodeDataKey('one', bytes, [])],
  'manifest.json': (bytes) => decodeManifest('/checkpoint', bytes),
  'pstree.img': (bytes) => imageEntries(bytes, 'pstree').map((entry) => [...readProtobuf(entry)]),
  'pagemap.img': (bytes) => pageRuns(imageEntries(bytes, 'pagemap').map((entry) => new Fields(entry))),
  'core.img': (bytes) => imageEntries(bytes, 'core').map((entry) => new Fields(entry).message(3)?.text(6)),
  'mm.img': (bytes) => imageEntries(bytes, 'mm').map((entry) => mappings(new Fields(entry), [], new Map())),
  'files.img': (bytes) => {
    const files = imageEntries(bytes, 'files').map((entry) => new Fields(entry));
    // Each is a descriptor's file too: any number may stand where another one is looked for.
    return openFiles(new Map(files.map((file) => [file.number(1) ?? -1, file])), files);
  },
  'stats-dump': parseDumpStatistics,
  'image.json': decodeImageManifest,
  'recipients.txt': (bytes) => parseRecipients(bytes.toString('utf8'), 'the corpus'),
  'identity.txt': (bytes) => parseIdentities(bytes.toString('utf8'), 'the corpus'),
  tar: async (bytes) => {
    for await (const { body } of readTar(inPieces(bytes))) for await (const piece of body) piece.at(0);
  },
};

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}

/** The inputs of the corpus: `<reader>` or `<reader>--<what is special about it>`. */
export function corpus(): { reader: string; name: string; bytes: Buffer }[] {
  return readdirSync(CORPUS)
    .sort()
    .map((name) => ({ reader: name.split('--')[0] ?? name, name, bytes: readFileSync(join(CORPUS, name)) }));
}

/** Gives the bytes to the reader: it reads them, or refuses them in words. Throws what is neither, naming the input. */
export async function tryReader(reader: string, bytes: Buffer): Promise<'read' | 'refused'> {
  const read = READERS[reader];
  if (read === undefined) throw new Error(`no reader is called ${reader}`);
  try {
    await read(bytes);
    return 'read';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (error instanceof FermataError || (error instanceof RangeError && code === undefined)) return 'refused';
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    throw new Error(`${reader} broke on ${hash}: ${bytes.toString('base64')}`, { cause: error });
  }
}

/** Mutates inputs of the corpus, spliced, cut, with bits, numbers and runs changed, and gives them to their readers. */
export async function fuzz(runs: number, seed: number): Promise<{ read: number; refused: number }> {
  const random = seededRandom(seed);
  const inputs = corpus();
  const outcomes = { read: 0, refused: 0 };
  for (let run = 0; run < runs; run++) {
    const input = pick(inputs, random);
    const other = pick(inputs, random);
    let bytes: Buffer = Buffer.from(input.bytes);
    for (let change = 0; change <= Math.floor(random() * 4); change++) bytes = mutated(bytes, other.bytes, random);
    outcomes[await tryReader(input.reader, bytes)] += 1;
  }
  return outcomes;
}

function mutated(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = Math.floor(random() * (bytes.length + 1));
  const length = Math.floor(random() ** 3 * (bytes.length - at + 1));
  switch (Math.floor(random() * 7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return cut(Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]));
    case 3:
      return cut(Buffer.concat([bytes.subarray(0, at), other.subarray(Math.floor(random() * other.length))]));
    case 4:
      return replaced(bytes, at, pick(INTERESTING, random));
    case 5:
      return replaced(bytes, at, Math.floor(random() * 256));
    default:
      return replaced(bytes, at, (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8)));
  }
}

function replaced(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = value;
  return copy;
}

function cut(bytes: Buffer): Buffer {
  return bytes.subarray(0, MAX_BYTES);
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}
