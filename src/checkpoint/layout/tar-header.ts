import { archiveRefused } from './errors.ts';

export const BLOCK = 512;

export interface TarHeader {
  name: string;
  kind: 'file' | 'directory' | 'pax' | 'global-pax' | 'long-name' | 'link' | 'device' | 'sparse' | 'unknown';
  mode: number;
  sizeBytes: number;
}

const KINDS: Readonly<Record<string, TarHeader['kind']>> = {
  '': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'device',
  S: 'sparse',
  L: 'long-name',
  x: 'pax',
  g: 'global-pax',
};

/**
 * Reads a header block (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar's base-256 numbers). Undefined for a block of zeros,
 * which ends an archive. Throws FermataError `ArchiveRefused`.
 */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  for (let index = 0; index < BLOCK; index++) sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  if (numberAt(block, 148, 8, 'checksum') !== sum) throw archiveRefused('a header has a wrong checksum');
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = posix ? textAt(block, 345, 155) : '';
  const name = textAt(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    kind: KINDS[textAt(block, 156, 1)] ?? 'unknown',
    mode: numberAt(block, 100, 8, 'mode') & 0o7777,
    sizeBytes: numberAt(block, 124, 12, 'size'),
  };
}

/** A header, behind one in pax form where the name or the size does not fit into it. Times are 0: the same files give the same bytes. */
export function encodeHeader(entry: {
  name: string;
  kind: 'file' | 'directory';
  mode: number;
  sizeBytes: number;
}): Buffer {
  const records: [string, string][] = [];
  if (Buffer.byteLength(entry.name) > 100) records.push(['path', entry.name]);
  if (entry.sizeBytes > 0o77777777777) records.push(['size', String(entry.sizeBytes)]);
  const type = entry.kind === 'directory' ? '5' : '0';
  const size = entry.sizeBytes > 0o77777777777 ? 0 : entry.sizeBytes;
  const header = ustar(Buffer.from(entry.name).subarray(0, 100), type, entry.mode, size);
  if (records.length === 0) return header;
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  return Buffer.concat([ustar(Buffer.from('PaxHeader'), 'x', 0o600, body.length), padded(body), header]);
}

/** Zeros up to the end of the last block. */
export function padding(sizeBytes: number): number {
  return (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
}

/** `LENGTH KEY=VALUE\n` …; of a key that comes twice the last counts. */
export function decodePax(body: Buffer): Map<string, string> {
  const found = new Map<string, string>();
  for (let offset = 0; offset < body.length; ) {
    const space = body.indexOf(0x20, offset);
    const length = space < 0 ? 0 : Number(body.toString('latin1', offset, space));
    const record = body.subarray(space + 1, offset + length);
    const equals = record.indexOf(0x3d);
    if (
      !Number.isSafeInteger(length) ||
      length < 5 ||
      offset + length > body.length ||
      equals < 1 ||
      record.at(-1) !== 0x0a
    ) {
      throw archiveRefused('an extended header cannot be read');
    }
    found.set(record.toString('utf8', 0, equals), record.toString('utf8', equals + 1, record.length - 1));
    offset += length;
  }
  return found;
}

function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function ustar(name: Buffer, type: string, mode: number, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  name.copy(block);
  block.write(
    `${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(size, 11)}\0${octal(0, 11)}\0`,
    100,
    'latin1',
  );
  block.fill(' ', 148, 156);
  block.write(`${type}`, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return block;
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc(padding(body.length))]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function textAt(block: Buffer, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function numberAt(block: Buffer, offset: number, length: number, what: string): number {
  const field = block.subarray(offset, offset + length);
  let value = 0;
  if (((field[0] ?? 0) & 0x80) !== 0) {
    for (const [index, byte] of field.entries()) value = value * 256 + (index === 0 ? byte & 0x7f : byte);
  } else {
    const text = field
      .toString('latin1')
      .replace(/[\0 ]+$/, '')
      .trimStart();
    if (!/^[0-7]*$/.test(text)) throw archiveRefused(`a header's ${what} is no number`);
    value = text === '' ? 0 : Number.parseInt(text, 8);
  }
  if (!Number.isSafeInteger(value)) throw archiveRefused(`a header's ${what} is too large`);
  return value;
}
