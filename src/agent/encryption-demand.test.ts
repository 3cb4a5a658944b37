import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { MemoryBacking, Registry } from '../kubernetes/index.ts';
import { INTERRUPTION_POLICIES, type InterruptionPolicySpec, NAMESPACES, PODS, type Pod } from '../model/index.ts';
import { EncryptionDemand } from './encryption-demand.ts';

const signal = new AbortController().signal;
const PLAIN = { url: 'file:///store', encrypts: false };
const SEALED = { url: 'file:///store', encrypts: true };
const REQUIRED = { encryption: { required: true } };

async function refusal(
  policies: Record<string, InterruptionPolicySpec>,
  archive: { url: string; encrypts: boolean } | undefined,
): Promise<string | undefined> {
  const parts = { backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) };
  const registry = new Registry(parts);
  for (const name of ['lab', 'other']) await registry.create(NAMESPACES, { metadata: { name } });
  for (const [key, spec] of Object.entries(policies)) {
    const [namespace = '', name = ''] = key.split('/');
    await registry.create(INTERRUPTION_POLICIES, { metadata: { namespace, name }, spec });
  }
  const spec = { containers: [{ name: 'main', image: 'i' }] };
  const pod: Pod = await registry.create(PODS, {
    metadata: { namespace: 'lab', name: 'p', labels: { app: 'a' } },
    spec,
  });
  return new EncryptionDemand(registry, archive).refusal(pod, signal);
}

const cases: Record<string, [Record<string, InterruptionPolicySpec>, typeof PLAIN | undefined, RegExp | undefined]> = {
  'nothing demanded, no store': [{ 'lab/a': {} }, undefined, undefined],
  'demanded and encrypted': [{ 'lab/a': REQUIRED }, SEALED, undefined],
  'demanded and stored unencrypted': [{ 'lab/a': REQUIRED }, PLAIN, /policy a demands .* does not encrypt/],
  'demanded and no store': [{ 'lab/a': REQUIRED }, undefined, /policy a demands .* has no store/],
  'demanded of other pods': [{ 'lab/a': { ...REQUIRED, selector: { matchLabels: { app: 'b' } } } }, PLAIN, undefined],
  'demanded in another namespace': [{ 'other/a': REQUIRED }, PLAIN, undefined],
  'the first by name holds': [{ 'lab/b': REQUIRED, 'lab/a': {} }, PLAIN, undefined],
  'demanded for all': [{ 'fermata-system/default': REQUIRED }, PLAIN, /policy default demands/],
  'demanded for all, and not by an own policy': [{ 'fermata-system/default': REQUIRED, 'lab/a': {} }, PLAIN, undefined],
};

for (const [sentence, [policies, archive, says]] of Object.entries(cases)) {
  test(`encryption of checkpoints: ${sentence}`, async () => {
    const reason = await refusal(policies, archive);
    if (says === undefined) assert.equal(reason, undefined);
    else assert.match(reason ?? '', says);
  });
}
