import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** One recipient's way to the file key: type and arguments, then what only that recipient can read. */
export interface Stanza {
  type: string;
  arguments: readonly string[];
  body: Uint8Array;
}

const VERSION = 'age-encryption.org/v1';
const FILE_KEY_BYTES = 16;
const TAG_BYTES = 16;
const NONCE_BYTES = 16;
/** Payloads are made of chunks of this; what is kept in age files here is one. */
const CHUNK_BYTES = 64 * 1024;
const COLUMNS = 64;
/** A key file with a thousand recipients is larger than any real one. */
const MAX_BYTES = 1024 * 1024;
/** VCHAR, as the grammar has it. */
const ARGUMENT = /^[\x21-\x7e]+$/;

/**
 * A file in the format of age, version 1 (https://c2sp.org/age): every tool that knows it can open it. Recipients that only
 * Fermata knows have stanzas of their own types, which others must ignore. The header is authenticated under the file key.
 * @param payload at most 64 KiB
 */
export function encodeAgeFile(payload: Uint8Array, wrap: (fileKey: Uint8Array) => readonly Stanza[]): Uint8Array {
  if (payload.length > CHUNK_BYTES) throw new RangeError(`a payload of ${payload.length} bytes is too long`);
  const fileKey = randomBytes(FILE_KEY_BYTES);
  const header = [VERSION, ...wrap(fileKey).flatMap(stanzaLines), '---'].join('\n');
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('chacha20-poly1305', payloadKey(fileKey, nonce), LAST_CHUNK, {
    authTagLength: TAG_BYTES,
  });
  return Buffer.concat([
    Buffer.from(`${header} ${unpadded(headerMac(fileKey, header))}\n`),
    nonce,
    cipher.update(payload),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

/** The stanzas of a file, without opening it: who may. Throws RangeError when it is no age file. */
export function ageStanzas(bytes: Uint8Array): Stanza[] {
  return split(bytes).stanzas;
}

/**
 * The payload. `unwrap` gives the file key out of one stanza, undefined when that is not for it. Throws RangeError when the file
 * is no age file or was altered; undefined: no stanza could be unwrapped.
 */
export function decodeAgeFile(
  bytes: Uint8Array,
  unwrap: (stanza: Stanza) => Uint8Array | undefined,
): Uint8Array | undefined {
  const { stanzas, header, mac, payload } = split(bytes);
  for (const stanza of stanzas) {
    const fileKey = unwrap(stanza);
    if (fileKey === undefined) continue;
    if (fileKey.length !== FILE_KEY_BYTES) throw new RangeError('its file key has not 16 bytes');
    if (!timingSafeEqual(headerMac(fileKey, header), mac)) throw new RangeError('its header was altered');
    return openPayload(fileKey, payload);
  }
  return undefined;
}

/** Nonce of the first chunk that is the last one, too. */
const LAST_CHUNK = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

function openPayload(fileKey: Uint8Array, payload: Uint8Array): Uint8Array {
  const sealed = payload.subarray(NONCE_BYTES);
  if (sealed.length < TAG_BYTES || sealed.length > CHUNK_BYTES + TAG_BYTES) {
    throw new RangeError(`its payload has ${sealed.length} bytes`);
  }
  const key = payloadKey(fileKey, payload.subarray(0, NONCE_BYTES));
  const decipher = createDecipheriv('chacha20-poly1305', key, LAST_CHUNK, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new RangeError('its payload was altered', { cause: error });
  }
}

function split(bytes: Uint8Array): { stanzas: Stanza[]; header: string; mac: Uint8Array; payload: Uint8Array } {
  if (bytes.length > MAX_BYTES) throw new RangeError(`it has ${bytes.length} bytes`);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const end = text.indexOf('\n--- ');
  const lineEnd = end < 0 ? -1 : text.indexOf('\n', end + 1);
  if (lineEnd < 0) throw new RangeError('its header has no end');
  const lines = text.slice(0, end).split('\n');
  if (lines[0] !== VERSION) throw new RangeError(`it does not begin with ${VERSION}`);
  return {
    stanzas: parseStanzas(lines.slice(1)),
    header: text.slice(0, end + 4),
    mac: fromUnpadded(text.slice(end + 5, lineEnd), 32),
    payload: bytes.subarray(lineEnd + 1),
  };
}

function parseStanzas(lines: readonly string[]): Stanza[] {
  const stanzas: Stanza[] = [];
  for (let index = 0; index < lines.length; ) {
    const [arrow, type, ...parameters] = (lines[index++] ?? '').split(' ');
    if (arrow !== '->' || type === undefined || ![type, ...parameters].every((one) => ARGUMENT.test(one))) {
      throw new RangeError('it has a line that begins no stanza');
    }
    let body = '';
    for (;;) {
      const line = lines[index++];
      if (line === undefined || line.length > COLUMNS) throw new RangeError('a stanza has no end');
      body += line;
      if (line.length < COLUMNS) break;
    }
    stanzas.push({ type, arguments: parameters, body: fromUnpadded(body) });
  }
  if (stanzas.length === 0) throw new RangeError('it is for nobody');
  return stanzas;
}

function stanzaLines(stanza: Stanza): string[] {
  const words = [stanza.type, ...stanza.arguments];
  if (!words.every((word) => ARGUMENT.test(word))) throw new RangeError(`a stanza cannot say ${words.join(' ')}`);
  const body = unpadded(stanza.body);
  const lines: string[] = [];
  // A body ends with a line that is not full, be it an empty one.
  for (let offset = 0; offset <= body.length; offset += COLUMNS) lines.push(body.slice(offset, offset + COLUMNS));
  return [`-> ${words.join(' ')}`, ...lines];
}

function headerMac(fileKey: Uint8Array, header: string): Uint8Array {
  const key = new Uint8Array(hkdfSync('sha256', fileKey, '', 'header', 32));
  return createHmac('sha256', key).update(header, 'latin1').digest();
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** Base64 (RFC 4648, section 4) without padding. */
export function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

/** Takes only what {@link unpadded} writes. Throws RangeError. */
export function fromUnpadded(text: string, length?: number): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (unpadded(bytes) !== text) throw new RangeError('it holds what is not base64 without padding');
  if (length !== undefined && bytes.length !== length)
    throw new RangeError(`it has ${bytes.length} bytes, not ${length}`);
  return new Uint8Array(bytes);
}
