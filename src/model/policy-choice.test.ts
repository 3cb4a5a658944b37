import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptionPolicy, InterruptionPolicySpec } from './interruptionpolicy.ts';
import { mostSpecificFirst, policyThatHolds } from './policy-choice.ts';

const CASES: Record<string, { own: InterruptionPolicy[]; system?: InterruptionPolicy[]; holds: string | undefined }> = {
  'none where there are none': { own: [], holds: undefined },
  'one with a selector before one without, whatever their names': {
    own: [policy('a', undefined), policy('b', { matchLabels: { app: 'thesis' } })],
    holds: 'b',
  },
  'two requirements before one, labels and expressions alike': {
    own: [
      policy('a', { matchLabels: { app: 'thesis' } }),
      policy('b', { matchLabels: { app: 'thesis' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] }),
    ],
    holds: 'b',
  },
  'an empty selector is none': { own: [policy('b', {}), policy('a', undefined)], holds: 'a' },
  'of equals the first by name': {
    own: [policy('b', { matchLabels: { tier: 'batch' } }), policy('a', { matchLabels: { app: 'thesis' } })],
    holds: 'a',
  },
  'a more specific one that does not match is passed over': {
    own: [policy('a', { matchLabels: { app: 'thesis', tier: 'live' } }), policy('b', undefined)],
    holds: 'b',
  },
  'any of the own namespace before the default of the cluster': {
    own: [policy('b', undefined)],
    system: [policy('default', { matchLabels: { app: 'thesis' } })],
    holds: 'b',
  },
  'else the default of the cluster, and no other of its namespace': {
    own: [],
    system: [policy('a', { matchLabels: { app: 'thesis' } }), policy('default', undefined)],
    holds: 'default',
  },
  'the default of the cluster has a selector like any': {
    own: [],
    system: [policy('default', { matchLabels: { app: 'other' } })],
    holds: undefined,
  },
};

for (const [sentence, { own, system = [], holds }] of Object.entries(CASES)) {
  test(`the policy that holds is ${sentence}`, () => {
    const labels = { app: 'thesis', tier: 'batch' };
    const held = policyThatHolds(own.toSorted(mostSpecificFirst), system, labels);
    assert.equal(held?.metadata.name, holds);
  });
}

function policy(name: string, selector: InterruptionPolicySpec['selector']): InterruptionPolicy {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'InterruptionPolicy',
    metadata: { name, namespace: 'team', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { ...(selector !== undefined && { selector }) },
  };
}
