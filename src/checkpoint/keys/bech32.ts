const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM_SYMBOLS = 6;

/** Bech32 (BIP 173), the form in which age writes keys; without the limit of 90 characters, as age reads it. */
export function bech32(prefix: string, bytes: Uint8Array): string {
  const symbols = regrouped(bytes, 8, 5, true);
  const checked = polymod([...expanded(prefix), ...symbols, ...new Array<number>(CHECKSUM_SYMBOLS).fill(0)]) ^ 1;
  for (let index = 0; index < CHECKSUM_SYMBOLS; index++) symbols.push((checked >>> (5 * (5 - index))) & 31);
  return `${prefix}1${symbols.map((symbol) => ALPHABET[symbol]).join('')}`;
}

/** The bytes of a Bech32 text with that prefix, in one case throughout. Throws RangeError. */
export function fromBech32(prefix: string, text: string): Uint8Array {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) throw new RangeError('it mixes upper and lower case');
  if (!lower.startsWith(`${prefix}1`)) throw new RangeError(`it does not begin with ${prefix}1`);
  const symbols = [...lower.slice(prefix.length + 1)].map((character) => ALPHABET.indexOf(character));
  if (symbols.includes(-1)) throw new RangeError('it has a character that Bech32 does not have');
  if (symbols.length < CHECKSUM_SYMBOLS || polymod([...expanded(prefix), ...symbols]) !== 1) {
    throw new RangeError('its checksum is wrong: a character was mistyped');
  }
  return Uint8Array.from(regrouped(symbols.slice(0, -CHECKSUM_SYMBOLS), 5, 8, false));
}

function polymod(symbols: readonly number[]): number {
  let value = 1;
  for (const symbol of symbols) {
    const top = value >>> 25;
    value = ((value & 0x1ffffff) << 5) ^ symbol;
    for (const [bit, generator] of GENERATOR.entries()) if (((top >>> bit) & 1) === 1) value ^= generator;
  }
  return value >>> 0;
}

function expanded(prefix: string): number[] {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function regrouped(from: Iterable<number>, fromBits: number, toBits: number, pad: boolean): number[] {
  const result: number[] = [];
  let value = 0;
  let bits = 0;
  for (const part of from) {
    value = ((value << fromBits) | part) & 0xfff;
    bits += fromBits;
    while (bits >= toBits) {
      bits -= toBits;
      result.push((value >> bits) & ((1 << toBits) - 1));
    }
  }
  const rest = (value << (toBits - bits)) & ((1 << toBits) - 1);
  if (pad && bits > 0) result.push(rest);
  else if (!pad && (bits >= fromBits || rest !== 0)) throw new RangeError('its last character has bits too many');
  return result;
}
