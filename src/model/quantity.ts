import { FermataError } from './errors.ts';

/** How a quantity was written, and is written again (`resource.Format`). */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** An exact Kubernetes quantity (`resource.Quantity`): whole nano-units, at most 2^63 − 1 units. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

export const QUANTITY_PATTERN = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

const NANOS_PER_UNIT = 1_000_000_000n;
const NANOS_PER_MILLI = 1_000_000n;
const MAX_NANOS = (2n ** 63n - 1n) * NANOS_PER_UNIT;

/** Power of ten of each decimal suffix. */
const DECIMAL_SUFFIXES: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_SUFFIXES = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const ACCEPTED = 'accepted suffixes: n u m k M G T P E (powers of 1000), Ki Mi Gi Ti Pi Ei (powers of 1024), or e3';

const NUMBER = /^([+-]?)([0-9]*)(?:\.([0-9]*))?$/;
const PARTS = /^([+-]?[0-9.]+)(.*)$/s;

/**
 * Reads a quantity as Kubernetes does: decimal number, then suffix or exponent; rounded away from zero to nano-units and
 * capped at 2^63 − 1. A JSON number counts as its decimal text. Throws `QuantityInvalid`, with a suggestion where the unit
 * is a likely slip (`2Gb` → `2Gi` or `2G`).
 */
export function parseQuantity(source: string | number): Quantity {
  const text = typeof source === 'number' ? String(source) : source;
  const [, number, suffix] = PARTS.exec(text) ?? [];
  const [, sign, whole = '', fraction = ''] = NUMBER.exec(number ?? '') ?? [];
  if (number === undefined || suffix === undefined || sign === undefined || whole + fraction === '') {
    throw invalid(text, suffix ?? '');
  }
  const scale = scaleOf(suffix);
  if (scale === undefined) throw invalid(text, suffix);
  const magnitude = scaled(BigInt(whole + fraction), scale, fraction.length);
  const capped = magnitude > MAX_NANOS ? MAX_NANOS : magnitude;
  return {
    nanos: sign === '-' ? -capped : capped,
    format: scale.format === 'BinarySI' && capped < NANOS_PER_UNIT && capped > 0n ? 'DecimalSI' : scale.format,
  };
}

interface Scale {
  format: QuantityFormat;
  base: bigint;
  exponent: number;
}

function scaleOf(suffix: string): Scale | undefined {
  const decimal = DECIMAL_SUFFIXES[suffix];
  if (decimal !== undefined) return { format: 'DecimalSI', base: 10n, exponent: decimal };
  const binary = BINARY_SUFFIXES.indexOf(suffix as (typeof BINARY_SUFFIXES)[number]);
  if (binary >= 0) return { format: 'BinarySI', base: 2n, exponent: 10 * (binary + 1) };
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(suffix)?.[1];
  // Beyond ±100 every value is 0 or the maximum anyway; the bound keeps hostile exponents from costing memory.
  if (exponent === undefined) return undefined;
  return { format: 'DecimalExponent', base: 10n, exponent: Math.max(-100, Math.min(100, Number(exponent))) };
}

/** digits × 10^-fractionDigits × scale in nano-units, rounded up. */
function scaled(digits: bigint, scale: Scale, fractionDigits: number): bigint {
  let numerator = digits * NANOS_PER_UNIT;
  let denominator = 10n ** BigInt(fractionDigits);
  if (scale.exponent >= 0) numerator *= scale.base ** BigInt(scale.exponent);
  else denominator *= scale.base ** BigInt(-scale.exponent);
  return ceilingDivide(numerator, denominator);
}

/** Rounds away from zero, as `Quantity.ScaledValue` does. */
function ceilingDivide(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  if (numerator % denominator === 0n) return quotient;
  return numerator > 0n ? quotient + 1n : quotient - 1n;
}

function invalid(text: string, suffix: string): FermataError {
  const suggestion = suggestionFor(text, suffix);
  return new FermataError(
    'QuantityInvalid',
    `quantity ${JSON.stringify(text)} is not valid: quantities must match the regular expression '${QUANTITY_PATTERN}'; ${ACCEPTED}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
    { nextStep: suggestion === undefined ? 'Write a number with one of these suffixes.' : `Write ${suggestion}.` },
  );
}

function suggestionFor(text: string, suffix: string): string | undefined {
  const letter = /^\s*([kmgtpe])(?:i?b?|bytes?)\s*$/i.exec(suffix)?.[1]?.toUpperCase();
  const number = text.slice(0, text.length - suffix.length).trim();
  if (letter === undefined || number === '') return undefined;
  return `"${number}${letter}i" or "${number}${letter === 'K' ? 'k' : letter}"`;
}

/** The one canonical text of a quantity: the largest suffix that leaves no fraction (`1500m`, `2Gi`, `1e3`). */
export function formatQuantity(quantity: Quantity): string {
  const { nanos } = quantity;
  if (nanos === 0n) return '0';
  if (quantity.format === 'BinarySI' && nanos % NANOS_PER_UNIT === 0n && magnitudeOf(nanos) >= 1024n * NANOS_PER_UNIT) {
    let units = nanos / NANOS_PER_UNIT;
    let power = 0;
    while (power < BINARY_SUFFIXES.length && units % 1024n === 0n) {
      units /= 1024n;
      power += 1;
    }
    return `${units}${BINARY_SUFFIXES[power - 1] ?? ''}`;
  }
  let mantissa = nanos;
  let exponent = -9;
  while (exponent < 18 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (quantity.format === 'DecimalExponent') return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  return `${mantissa}${DECIMAL_BY_EXPONENT[exponent] ?? ''}`;
}

const DECIMAL_BY_EXPONENT: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(DECIMAL_SUFFIXES).map(([suffix, exponent]) => [exponent, suffix]),
);

function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** The canonical text of a written quantity: `1000m` → `1`, `0.5Gi` → `512Mi`. Throws `QuantityInvalid`. */
export function canonicalQuantity(source: string | number): string {
  return formatQuantity(parseQuantity(source));
}

/** Below 0, 0 or above 0, as the first is less than, equal to or greater than the second. */
export function compareQuantities(one: string | number, other: string | number): number {
  const difference = parseQuantity(one).nanos - parseQuantity(other).nanos;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Whole units, rounded away from zero (`Quantity.Value`). Throws `QuantityInvalid`. */
export function quantityUnits(source: string | number): number {
  return plainInteger(source) ?? Number(ceilingDivide(parseQuantity(source).nanos, NANOS_PER_UNIT));
}

/** Whole thousandths, rounded away from zero (`Quantity.MilliValue`): millicores of a CPU quantity. Throws `QuantityInvalid`. */
export function quantityMillis(source: string | number): number {
  const units = plainInteger(source);
  return units === undefined ? Number(ceilingDivide(parseQuantity(source).nanos, NANOS_PER_MILLI)) : units * 1000;
}

/** Most quantities of a big cluster are plain numbers; they need no bigint. */
function plainInteger(source: string | number): number | undefined {
  if (typeof source === 'number') return Number.isSafeInteger(source) ? source : undefined;
  return /^[0-9]{1,12}$/.test(source) ? Number(source) : undefined;
}

/** A count of bytes as quantity: `2147483648` → `2Gi`, `1000` → `1k`. */
export function bytesQuantity(bytes: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(bytes)) * NANOS_PER_UNIT, format: 'BinarySI' });
}

/** Thousandths as quantity: `1500` → `1500m`, `2000` → `2`. */
export function milliQuantity(millis: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(millis)) * NANOS_PER_MILLI, format: 'DecimalSI' });
}
