import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bytesQuantity,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliQuantity,
  parseQuantity,
  quantityMillis,
  quantityUnits,
} from './quantity.ts';

describe('canonical quantities', () => {
  // Written as in apimachinery's quantity_test.go.
  const cases: Record<string, [string | number, string]> = {
    'a thousand becomes k': ['1000', '1k'],
    'a number that no suffix divides stays': ['1500', '1500'],
    'a fraction becomes milli': ['1.5', '1500m'],
    'milli that make whole units lose the suffix': ['1000m', '1'],
    'half a gibibyte becomes mebibytes': ['0.5Gi', '512Mi'],
    'less than one kibibyte is written decimal': ['0.5Ki', '512'],
    'a binary fraction of a byte is written decimal': ['1.0001Ki', '1024102400u'],
    'a thousand mebibytes stay mebibytes': ['1000Mi', '1000Mi'],
    'exponents stay exponents': ['12e6', '12e6'],
    'exponents are normalised to multiples of three': ['1E4', '10e3'],
    'E without digits is exa': ['2E', '2E'],
    'zero has no suffix': ['0Gi', '0'],
    'negative quantities keep their sign': ['-1500m', '-1500m'],
    'a leading plus is dropped': ['+5', '5'],
    'a leading point is read': ['.5', '500m'],
    'less than a nano rounds up to it': ['0.1n', '1n'],
    'what is too large is capped': ['10000E', '9223372036854775807'],
    'a JSON number is read': [0.25, '250m'],
  };
  for (const [sentence, [written, want]] of Object.entries(cases)) {
    test(sentence, () => assert.equal(canonicalQuantity(written), want));
  }
});

describe('refused quantities', () => {
  const cases: Record<string, [string, RegExp]> = {
    'a unit with b suggests both readings': ['2Gb', /did you mean "2Gi" or "2G"\?$/],
    'a unit with B too': ['512MB', /accepted suffixes: n u m k M G T P E .*Ki Mi Gi Ti Pi Ei.*"512Mi" or "512M"/],
    'kilo suggests the small k': ['5K', /"5Ki" or "5k"/],
    'a space before the unit': ['2 Gi', /"2Gi" or "2G"/],
    'an unknown suffix names the regular expression': ['2x', /quantities must match the regular expression/],
    'no digits': ['Gi', /quantities must match/],
    'two points': ['1.2.3', /quantities must match/],
    'empty text': ['', /quantities must match/],
    'a comma': ['1,5', /quantities must match/],
  };
  for (const [sentence, [written, want]] of Object.entries(cases)) {
    test(sentence, () => assert.throws(() => parseQuantity(written), { code: 'QuantityInvalid', message: want }));
  }
});

test('values are rounded up to the unit asked for', () => {
  assert.equal(quantityUnits('1.1'), 2);
  assert.equal(quantityUnits('2Gi'), 2_147_483_648);
  assert.equal(quantityMillis('0.0001'), 1);
  assert.equal(quantityMillis('1.5'), 1500);
  assert.equal(quantityMillis(2), 2000);
  assert.equal(quantityUnits('-1.1'), -2);
});

test('quantities compare by value, not by text', () => {
  assert.equal(compareQuantities('1Gi', '1G'), 1);
  assert.equal(compareQuantities('1000m', '1'), 0);
  assert.equal(compareQuantities('1', '1k'), -1);
});

const number = fc
  .tuple(fc.constantFrom('', '-', '+'), fc.bigInt({ min: 0n, max: 10n ** 17n }), fc.option(fc.nat({ max: 999_999 })))
  .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}`);
const suffix = fc.constantFrom(
  '',
  'n',
  'u',
  'm',
  'k',
  'M',
  'G',
  'T',
  'P',
  'E',
  'Ki',
  'Mi',
  'Gi',
  'Ti',
  'Pi',
  'Ei',
  'e3',
  'E-2',
);

test('the canonical form has the value it was made from, and is its own canonical form', () => {
  fc.assert(
    fc.property(number, suffix, (digits, unit) => {
      const parsed = parseQuantity(digits + unit);
      const canonical = formatQuantity(parsed);
      assert.equal(parseQuantity(canonical).nanos, parsed.nanos);
      assert.equal(canonicalQuantity(canonical), canonical);
    }),
  );
});

test('bytes and millis come back from their quantities', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (amount) => {
      assert.equal(quantityUnits(bytesQuantity(amount)), amount);
      assert.equal(quantityMillis(milliQuantity(amount)), amount);
    }),
  );
});

test('whatever the text, it is read or refused by name', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(number, fc.string({ maxLength: 3 })).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          parseQuantity(text);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'QuantityInvalid');
        }
      },
    ),
  );
});
