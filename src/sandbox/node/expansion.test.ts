import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandVariables } from './expansion.ts';

const cases: Record<string, [text: string, want: string]> = {
  'a known name is replaced': ['a $(A) b', 'a 1 b'],
  'an unknown name stays as written': ['$(NOBODY)', '$(NOBODY)'],
  'two dollars are one, and what follows is text': ['$$(A)', '$(A)'],
  'a name that is not closed is text': ['$(A', '$(A'],
  'a dollar alone is text': ['5 $ or $A', '5 $ or $A'],
  'names that objects have by birth are unknown': ['$(constructor)', '$(constructor)'],
  'several names in one text': ['$(A)$(B)', '12'],
};

for (const [sentence, [text, want]] of Object.entries(cases)) {
  test(sentence, () => assert.equal(expandVariables(text, { A: '1', B: '2' }), want));
}
