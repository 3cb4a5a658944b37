import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatFieldSelector, matchesFields, parseFieldSelector } from './field-selector.ts';
import {
  formatLabelSelector,
  type LabelRequirement,
  matchesLabelSelector,
  matchesLabels,
  parseLabelSelector,
  requirementsOf,
} from './label-selector.ts';

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
  assert.equal(formatLabelSelector(requirementsOf(selector)), 'app=web,tier notin (a,c)');
  assert.equal(matchesLabelSelector(selector, labels), true);
  assert.equal(matchesLabelSelector(selector, { app: 'web', tier: 'c' }), false);
  assert.equal(matchesLabelSelector({}, undefined), true);
  assert.equal(matchesLabelSelector(undefined, undefined), true);
});

describe('a field selector', () => {
  const pod = {
    metadata: { name: 'p', namespace: 'n' },
    spec: { nodeName: 'a,b' },
    status: { ready: true, list: [1] },
  };
  const cases: Record<string, boolean> = {
    '': true,
    'metadata.name=p': true,
    'metadata.name==p,metadata.namespace!=n': false,
    'spec.nodeName=a\\,b': true,
    'spec.absent=': true,
    'spec.absent!=': false,
    'status.ready=true': true,
    'status.list=': true,
    'metadata.name!=q': true,
    'spec.unschedulable=false': true,
  };
  for (const [selector, want] of Object.entries(cases)) {
    test(`"${selector}" ${want ? 'matches' : 'does not match'}`, () =>
      assert.equal(matchesFields(parseFieldSelector(selector), pod), want));
  }

  for (const bad of ['a', 'a>1', '=x', 'a=b=c', 'a=b\\x', 'a in (b)']) {
    test(`"${bad}" is refused by name`, () =>
      assert.throws(() => parseFieldSelector(bad), { code: 'FieldSelectorInvalid' }));
  }

  test('on a field the kind has no index for is refused with those it has', () => {
    assert.throws(() => parseFieldSelector('spec.foo=x', ['metadata.name']), {
      message: /field label not supported: spec.foo; supported are metadata.name/,
    });
  });

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
