import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type FieldRequirement, parseFieldSelector } from './field-selector.ts';
import { type LabelRequirement, matchesLabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts';

const labels = { app: 'web', tier: 'b', size: '7', empty: '' };

describe('a label selector', () => {
  const cases: Record<string, boolean> = {
    '': true,
    'app=web': true,
    'app==web,tier=b': true,
    'app=web,tier=a': false,
    'app!=web': false,
    'absent!=web': true,
    'tier in (a, b)': true,
    'tier notin (a,b)': false,
    'absent notin (a)': true,
    app: true,
    '!app': false,
    '! absent': true,
    'size>5': true,
    'size<7': false,
    'app>5': false,
    'empty=': true,
    'absent=': false,
    'in in (in)': false,
    toString: false,
  };
  for (const [selector, want] of Object.entries(cases)) {
    test(`"${selector}" ${want ? 'matches' : 'does not match'}`, () =>
      assert.equal(matchesLabels(parseLabelSelector(selector), labels), want));
  }

  for (const bad of [
    'a=(b',
    'a b',
    '=x',
    'a in (',
    'a in b',
    'a,',
    ',a',
    'a=b=c',
    'a>x',
    'A!',
    '-a',
    'a/b/c',
    'a=b c',
    '!',
  ]) {
    test(`"${bad}" is refused by name`, () =>
      assert.throws(() => parseLabelSelector(bad), { code: 'LabelSelectorInvalid', message: /unable to parse/ }));
  }
});

const plain = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(shape, { noNullPrototype: true }) as unknown as fc.Arbitrary<T>;

const word = fc.stringMatching(/^[a-z0-9]([-a-z0-9_.]{0,20}[a-z0-9])?$/);
const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  plain({
    key: word,
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.array(word, { minLength: 1, maxLength: 3 }),
  }),
  plain({ key: word, operator: fc.constantFrom('Exists', 'DoesNotExist'), values: fc.constant([]) }),
  plain({ key: word, operator: fc.constantFrom('Gt', 'Lt'), values: fc.tuple(fc.integer().map(String)) }),
);

test('a label selector that is written is read back', () => {
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 4 }), (requirements) => {
      assert.deepEqual(parseLabelSelector(formatLabelSelector(requirements)), requirements);
    }),
  );
});

test('a selector object and its text select the same labels', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'NotIn' as const, values: ['a', 'c'] }],
  };
  const text = parseLabelSelector('app=web,tier notin (a,c)');
  for (const some of [labels, { app: 'web', tier: 'c' }, {}]) {
    assert.equal(matchesLabelSelector(selector, some), matchesLabels(text, some));
  }
  assert.equal(matchesLabelSelector(selector, labels), true);
  assert.equal(matchesLabelSelector(selector, { app: 'web', tier: 'c' }), false);
  assert.equal(matchesLabelSelector({}, undefined), true);
  assert.equal(matchesLabelSelector(undefined, undefined), true);
});

describe('a field selector', () => {
  const is = (field: string, value: string): FieldRequirement => ({ field, operator: '=', value });
  const isNot = (field: string, value: string): FieldRequirement => ({ field, operator: '!=', value });
  const cases: Record<string, FieldRequirement[]> = {
    '': [],
    'metadata.name=p': [is('metadata.name', 'p')],
    'metadata.name==p,metadata.namespace!=n': [is('metadata.name', 'p'), isNot('metadata.namespace', 'n')],
    'spec.nodeName=a\\,b': [is('spec.nodeName', 'a,b')],
    'spec.absent=': [is('spec.absent', '')],
    ' status.phase != Failed , ': [isNot('status.phase', 'Failed')],
  };
  for (const [selector, want] of Object.entries(cases)) {
    test(`"${selector}" is ${want.length} requirements`, () => assert.deepEqual(parseFieldSelector(selector), want));
  }

  for (const bad of ['a', 'a>1', '=x', 'a=b=c', 'a=b\\x', 'a in (b)']) {
    test(`"${bad}" is refused by name`, () =>
      assert.throws(() => parseFieldSelector(bad), { code: 'FieldSelectorInvalid' }));
  }

  test('that is written is read back', () => {
    const part = plain({
      field: word,
      operator: fc.constantFrom('=' as const, '!=' as const),
      value: fc.stringMatching(/^[a-z,=\\]*$/),
    });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (requirements) => {
        assert.deepEqual(parseFieldSelector(formatFieldSelector(requirements)), requirements);
      }),
    );
  });
});

/** In kubectl's syntax. */
function formatLabelSelector(requirements: readonly LabelRequirement[]): string {
  return requirements
    .map(({ key, operator, values }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      if (operator === 'Gt') return `${key}>${values[0] ?? ''}`;
      if (operator === 'Lt') return `${key}<${values[0] ?? ''}`;
      if (values.length === 1) return `${key}${operator === 'In' ? '=' : '!='}${values[0] ?? ''}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
    })
    .join(',');
}

function formatFieldSelector(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}
