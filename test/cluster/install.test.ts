import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { isApiError } from '../../src/kubernetes/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  NAMESPACES,
  POD_CHECKPOINTS,
  type PodCheckpoint,
} from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { withNamespace } from './cluster.ts';

const run = promisify(execFile);

async function fermata(...flags: string[]): Promise<{ code: number; out: string }> {
  const all = [...OWN_COMMAND.arguments, ...flags];
  try {
    const { stdout, stderr } = await run(OWN_COMMAND.command, all, { maxBuffer: 16 * 2 ** 20 });
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

async function worked(...flags: string[]): Promise<string> {
  const { code, out } = await fermata(...flags);
  assert.equal(code, 0, out);
  return out;
}

const isPod = { sourcePod: { name: 'p', uid: 'gone' }, postCheckpointState: 'Stopped' as const };
const ready = { type: 'Ready', status: 'True' as const, reason: 'CheckpointCompleted' };

test('an installation is repeated without a change, upgraded without a loss, and leaves only when told where states go', async (context) => {
  await withNamespace(async (store, namespace) => {
    const name = 'fermata';
    try {
      await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name });
      context.skip('Fermata is installed in this cluster, and this test would remove it');
      return;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    const plan = parseAllDocuments(await worked('install', '--dry-run', '-o', 'yaml')).map((each) => each.toJSON());
    const { items } = await store.list(NAMESPACES);
    assert.ok(
      items.every(({ metadata }) => metadata.name !== 'fermata-system'),
      'a dry run creates nothing',
    );

    const first = (await worked('install'))
      .trim()
      .split('\n')
      .filter((line) => /(created|changed|unchanged)$/.test(line));
    assert.equal(first.length, plan.length);
    const again = await worked('install');
    assert.doesNotMatch(again, /created|[^n]changed/);

    const checkpoint = await store.create(POD_CHECKPOINTS, { metadata: { namespace, name: 'kept' }, spec: isPod });
    const key = { namespace, name: 'kept' };
    const write = (status: PodCheckpoint['status']) =>
      store.patch(POD_CHECKPOINTS, key, { status }, { subresource: 'status' });
    await write({ conditions: [ready] });
    const authorities = Buffer.from('authorities').toString('base64');
    const { webhooks } = (await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name })) as unknown as {
      webhooks: { clientConfig: object }[];
    };
    const told = webhooks.map((each) => ({ ...each, clientConfig: { ...each.clientConfig, caBundle: authorities } }));
    await store.patch(MUTATING_WEBHOOK_CONFIGURATIONS, { name }, { webhooks: told });
    await worked('install', '--image', 'registry.example/fermata:next');
    const upgraded = await store.get(POD_CHECKPOINTS, key);
    assert.equal(upgraded.metadata.uid, checkpoint.metadata.uid);
    assert.deepEqual(
      upgraded.status?.conditions?.map(({ type }) => type),
      ['Ready'],
    );
    const after = JSON.stringify(await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name }));
    assert.equal(
      after.split(`"caBundle":"${authorities}"`).length - 1,
      webhooks.length,
      'the API server still trusts it',
    );

    const refused = await fermata('uninstall');
    assert.equal(refused.code, 1);
    assert.match(refused.out, /suspended, and nothing but a checkpoint left of them: .*kept/);
    const unsettled = await fermata('uninstall', '--suspended', 'keep');
    assert.match(unsettled.out, /no pod waits yet/);
    await write({ conditions: [ready, { type: 'Restored', status: 'False', reason: 'Suspended' }] });
    await worked('uninstall', '--suspended', 'keep');
    assert.equal((await store.get(POD_CHECKPOINTS, key)).metadata.uid, checkpoint.metadata.uid);
    await assert.rejects(store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name }), (error) =>
      isApiError(error, 'NotFound'),
    );

    await worked('install');
    await worked('uninstall', '--suspended', 'discard');
    await worked('uninstall');
    const gone = await store.list(CUSTOM_RESOURCE_DEFINITIONS);
    // A server empties a definition before it removes it.
    const left = gone.items.filter(
      ({ metadata, spec }) => spec.group === 'fermata.dev' && metadata.deletionTimestamp === undefined,
    );
    assert.deepEqual(
      left.map(({ metadata }) => metadata.name),
      [],
    );
  });
});
