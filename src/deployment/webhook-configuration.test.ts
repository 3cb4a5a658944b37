import assert from 'node:assert/strict';
import { test } from 'node:test';
import { webhookConfiguration } from './webhook-configuration.ts';

interface Webhook {
  name: string;
  failurePolicy: string;
  rules: { operations: string[]; resources: string[] }[];
  matchConditions?: { expression: string }[];
}

function webhooks(knowsMatchConditions: boolean): Webhook[] {
  return webhookConfiguration({ client: { url: 'https://x' }, knowsMatchConditions }).webhooks as Webhook[];
}

test('what a pod’s maker wrote is judged before anything is written for it', () => {
  // The API server evaluates each condition on what the webhooks before have made of the pod.
  assert.equal(webhooks(true)[0]?.name, 'restores.fermata.dev');
});

test('names of checkpoints are looked for in new pods and in changes, and nothing passes unasked', () => {
  const [first] = webhooks(true);
  assert.equal(first?.failurePolicy, 'Fail');
  assert.deepEqual(first?.rules[0]?.operations, ['CREATE', 'UPDATE']);
  assert.deepEqual(first?.rules[0]?.resources, ['pods', 'pods/ephemeralcontainers']);
});

test('without conditions changes are seen too, and the webhook’s absence stops none', () => {
  const asked = webhooks(false).flatMap(({ rules, failurePolicy }) =>
    rules.flatMap(({ operations }) => operations.map((operation) => `${operation} ${failurePolicy}`)),
  );
  assert.deepEqual(asked.sort(), ['CREATE Fail', 'CREATE Ignore', 'UPDATE Ignore']);
  assert.ok(webhooks(false).every(({ matchConditions }) => matchConditions === undefined));
});
