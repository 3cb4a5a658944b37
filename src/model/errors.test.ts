import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceOf, FermataError } from './errors.ts';

const ADVICE: Readonly<Record<string, { error: unknown; says: string }>> = {
  'the reason alone where no step is known': { error: new Error('disk full'), says: 'disk full' },
  'what was thrown, whatever it was': { error: 'text', says: 'text' },
  'the next step as a sentence of its own': {
    error: new FermataError('X', 'CRIU is missing', { nextStep: 'Run ./fermata doctor.' }),
    says: 'CRIU is missing. Run ./fermata doctor.',
  },
  'no period twice': {
    error: new FermataError('X', 'CRIU is missing.', { nextStep: 'Run ./fermata doctor.' }),
    says: 'CRIU is missing. Run ./fermata doctor.',
  },
  'a next step in lower case as a part of the sentence': {
    error: new FermataError('X', 'not Ready', { nextStep: 'see its conditions' }),
    says: 'not Ready; see its conditions',
  },
};

for (const [sentence, { error, says }] of Object.entries(ADVICE)) {
  test(`people are told ${sentence}`, () => assert.equal(adviceOf(error), says));
}
