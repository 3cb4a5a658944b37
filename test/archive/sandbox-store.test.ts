import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { accountSteps, countingPod, DEMO_NAMESPACE, readOutput } from '../../src/demo/index.ts';
import { conditionOf, NODES, POD_CHECKPOINTS, PODS } from '../../src/model/index.ts';
import type { RuntimeName } from '../../src/runtime/index.ts';
import { OWN_COMMAND, startTestSandbox } from '../sandbox-harness.ts';

const run = promisify(execFile);
const STEPS = 150;

/** Not left to the node that made it, nor to the other's reach of its disk: there it is wiped, and after the restore here too. */
async function goesOnFromTheStore(runtime: RuntimeName): Promise<void> {
  const world = await startTestSandbox({ runtime, nodes: 2, store: true, localCopies: 'wipe' });
  try {
    const { sandbox, observer, folder } = world;
    const signal = AbortSignal.timeout(170_000);
    const output = join(folder, 'output');
    const name = 'thesis';
    const key = `${DEMO_NAMESPACE}/${name}`;
    const draft = countingPod({
      name,
      outputFolder: output,
      steps: STEPS,
      stepMilliseconds: 40,
      memoryMebibytes: 16,
      cpu: '500m',
    });
    const pod = await sandbox.store.create(PODS, draft);
    const counted = async (): Promise<number> => accountSteps(await readOutput(output), STEPS).steps.length;
    await observer.until('a few steps', async () => ((await counted()) > 5 ? true : undefined), signal);
    const from = observer.pod(key)?.spec.nodeName ?? '';

    const { uid } = pod.metadata;
    const checkpoint = await sandbox.store.create(POD_CHECKPOINTS, {
      metadata: { namespace: DEMO_NAMESPACE, name: 'c1' },
      spec: { sourcePod: { name, uid }, postCheckpointState: 'Stopped', reason: 'Manual', restore: 'Manual' },
    });
    const stored = await observer.until(
      'the copy in the store',
      () => {
        const seen = observer.checkpointOf(uid);
        return conditionOf(seen?.status?.conditions, 'Stored')?.status === 'True' ? seen : undefined;
      },
      signal,
    );
    const location = stored.status?.checkpointLocation;
    assert.equal(location?.type, 'Store');
    assert.equal(location.store?.encrypted, true);
    assert.match(location.store.digest, /^sha256:[0-9a-f]{64}$/);
    assert.equal(conditionOf(stored.status?.conditions, 'Stored')?.reason, 'Verified');
    const archive = join(folder, 'store', DEMO_NAMESPACE, 'archives', checkpoint.metadata.uid);
    assert.deepEqual(readdirSync(archive).sort(), ['key.age', 'manifest']);
    assert.equal(readFileSync(join(archive, 'manifest')).includes('inventory.img'), false);

    const copies = (node: string): string[] => readdirSync(join(sandbox.directory.node(node), 'checkpoints'));
    const isWiped = (node: string) => () => (copies(node).length === 0 ? true : undefined);
    await observer.until('the plain copy to be wiped', isWiped(from), signal);
    await sandbox.store.patch(NODES, { name: from }, { spec: { unschedulable: true } });
    await observer.until(
      'the next incarnation',
      () => (observer.pod(key)?.metadata.uid === uid ? undefined : observer.pod(key)),
      signal,
    );
    const command = [...OWN_COMMAND.arguments, 'resume', `pod/${name}`, '--kubeconfig', sandbox.directory.kubeconfig];
    await run(OWN_COMMAND.command, [...command, '-n', DEMO_NAMESPACE]);
    await observer.until(
      'its end',
      () => (observer.pod(key)?.status?.phase === 'Succeeded' ? true : undefined),
      signal,
    );
    const to = observer.pod(key)?.spec.nodeName ?? '';
    assert.notEqual(to, from);
    await observer.until('the copy that was fetched to be wiped', isWiped(to), signal);
    assert.equal(observer.checkpointOf(uid)?.status?.checkpointLocation?.nodeLocal, undefined);
    const { lost, doubled } = accountSteps(await readOutput(output), STEPS);
    assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 });

    // What goes, goes from the store too.
    await sandbox.store.delete(PODS, { namespace: DEMO_NAMESPACE, name });
    await sandbox.store.delete(POD_CHECKPOINTS, { namespace: DEMO_NAMESPACE, name: 'c1' });
    await observer.until('its removal', () => (existsSync(join(archive, 'manifest')) ? undefined : true), signal);
  } finally {
    await world.dispose();
  }
}

test('simulated: a workload goes on from the encrypted copy in the store, on another node', { timeout: 180_000 }, () =>
  goesOnFromTheStore('simulated'),
);

test('podman: a workload goes on from the encrypted copy in the store, on another node', { timeout: 180_000 }, () =>
  goesOnFromTheStore('podman'),
);
