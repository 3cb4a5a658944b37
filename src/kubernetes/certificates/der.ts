import { rfc3339 } from '../../clock/index.ts';

/**
 * DER (ITU-T X.690), only what a certificate is written with. @peculiar/x509 would do it too, but drags in a dependency
 * injection container that wants a global `Reflect` polyfill and costs 100 ms at start.
 */

const LONG_LENGTH = 0x80;

function tagged(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(body.length), body]);
}

function lengthOctets(length: number): Buffer {
  if (length < LONG_LENGTH) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return Buffer.from([LONG_LENGTH | octets.length, ...octets]);
}

export const sequence = (...items: Uint8Array[]): Buffer => tagged(0x30, ...items);
export const set = (...items: Uint8Array[]): Buffer => tagged(0x31, ...items);
export const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));
export const octetString = (value: Uint8Array): Buffer => tagged(0x04, value);
export const utf8String = (value: string): Buffer => tagged(0x0c, Buffer.from(value, 'utf8'));

/** Context-specific tag `[number]`, constructed (EXPLICIT) or primitive (IMPLICIT of a primitive type). */
export const explicit = (number: number, ...items: Uint8Array[]): Buffer => tagged(0xa0 | number, ...items);
export const implicit = (number: number, value: Uint8Array): Buffer => tagged(0x80 | number, value);

/** A non-negative integer, given as big-endian octets. */
export function integer(octets: Uint8Array): Buffer {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const trimmed = octets.subarray(start);
  const negative = ((trimmed[0] ?? 0) & 0x80) !== 0;
  return tagged(0x02, negative ? Buffer.from([0]) : Buffer.alloc(0), trimmed);
}

/** @param unusedBits bits of the last octet that do not count */
export const bitString = (value: Uint8Array, unusedBits = 0): Buffer => tagged(0x03, Buffer.from([unusedBits]), value);

/** @param dotted e.g. `2.5.29.17` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let value = Math.floor(arc / 128); value > 0; value = Math.floor(value / 128)) {
      groups.unshift((value & 0x7f) | 0x80);
    }
    octets.push(...groups);
  }
  return tagged(0x06, Buffer.from(octets));
}

/** RFC 5280: UTCTime up to 2049, GeneralizedTime after. */
export function time(milliseconds: number): Buffer {
  const digits = rfc3339(milliseconds).replace(/[-:T]/g, '');
  const utcTime = Number(digits.slice(0, 4)) < 2050;
  return tagged(utcTime ? 0x17 : 0x18, Buffer.from(utcTime ? digits.slice(2) : digits, 'ascii'));
}

/** One certificate or key in PEM armour. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
