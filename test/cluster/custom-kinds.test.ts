import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPTIONS, install, manifestFiles, serverAbilities } from '../../src/deployment/index.ts';
import { isApiError, type WatchEvent } from '../../src/kubernetes/index.ts';
import { POD_CHECKPOINTS, type PodCheckpoint } from '../../src/model/index.ts';
import { connect, withNamespace } from './cluster.ts';

/** What the server itself does with Fermata's kinds, and older ones cannot. */

const asking = connect();
const abilities = await serverAbilities(asking);
// As an installation has them: with all that the server knows.
const definitions = manifestFiles(DEFAULT_OPTIONS, abilities).find(({ name }) => name === 'crds')?.manifests ?? [];
await install(asking, definitions, () => undefined);
await asking.close();

test('every kind is served as this server can serve it', async () => {
  await withNamespace(async (store, namespace) => {
    const key = { namespace, name: 'a' };
    await store.create(POD_CHECKPOINTS, { metadata: key, spec: { sourcePod: { name: 'p', uid: 'u' } } });
    const written = await store.patch(POD_CHECKPOINTS, key, { status: { nodeName: 'n' } }, { subresource: 'status' });
    assert.equal(written.status?.nodeName, 'n');
    if (!abilities.validationRules) return; // before 1.25
    await assert.rejects(
      store.patch(POD_CHECKPOINTS, key, { spec: { timeoutSeconds: 7 } }),
      (error) => isApiError(error, 'Invalid') && /spec is immutable/.test(error.message),
    );
  });
});

const whereFieldsAreSelected = abilities.selectableFields ? test : () => undefined; // since 1.30
whereFieldsAreSelected('checkpoints are listed and watched by node and pod', async () => {
  await withNamespace(async (store, namespace) => {
    const create = (name: string) =>
      store.create(POD_CHECKPOINTS, {
        metadata: { namespace, name },
        spec: { sourcePod: { name: `pod-of-${name}`, uid: 'u' } },
      });
    const write = (name: string, nodeName: string) =>
      store.patch(POD_CHECKPOINTS, { namespace, name }, { status: { nodeName } }, { subresource: 'status' });
    await create('a');
    await create('b');
    await write('a', 'here');
    const selected = async (fieldSelector: string): Promise<string[]> =>
      (await store.list(POD_CHECKPOINTS, { namespace, fieldSelector })).items.map(({ metadata }) => metadata.name);
    assert.deepEqual(await selected('status.nodeName=here'), ['a']);
    assert.deepEqual(await selected('spec.sourcePod.name=pod-of-b'), ['b']);

    const { resourceVersion } = await store.list(POD_CHECKPOINTS, { namespace });
    const signal = AbortSignal.timeout(30_000);
    const seen: string[] = [];
    await write('b', 'here');
    await write('a', 'there');
    const options = { namespace, resourceVersion, fieldSelector: 'status.nodeName=here', signal };
    for await (const event of store.watch(POD_CHECKPOINTS, options) as AsyncIterable<WatchEvent<PodCheckpoint>>) {
      if (event.type !== 'BOOKMARK') seen.push(`${event.type} ${event.object.metadata.name}`);
      if (seen.length === 2) break;
    }
    // What no longer matches counts as deleted for who watches.
    assert.deepEqual(seen, ['ADDED b', 'DELETED a']);
  });
});
