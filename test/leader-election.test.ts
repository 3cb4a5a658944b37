import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock, seededRandom } from '../src/clock/index.ts';
import { HttpStore, loadKubeconfig } from '../src/kubernetes/index.ts';
import { LEASES, NODES, PODS, SILENT_LOG } from '../src/model/index.ts';
import { SandboxApiServer } from '../src/sandbox/index.ts';
import { OWN_COMMAND } from './sandbox-harness.ts';

/** Two real schedulers on one API server, of which one leads: frozen, ended, killed. */

const TIMES = [
  '--leader-elect-lease-duration=3s',
  '--leader-elect-renew-deadline=2s',
  '--leader-elect-retry-period=300ms',
];
const LEASE = { namespace: 'kube-system', name: 'fermata-scheduler' };
/** Longest wait for anything: the machine may be busy. */
const PATIENCE_MILLISECONDS = 120_000;

describe('of two schedulers one leads', { timeout: 300_000 }, () => {
  let directory: string;
  let server: SandboxApiServer;
  let store: HttpStore;
  const started: ChildProcess[] = [];
  let pods = 0;

  const start = (): ChildProcess => {
    const { command, arguments: own } = OWN_COMMAND;
    const flags = ['scheduler', '--kubeconfig', join(directory, 'kubeconfig'), ...TIMES];
    const child = spawn(command, [...own, ...flags], { stdio: ['ignore', 'ignore', 'ignore'] });
    started.push(child);
    return child;
  };
  const holder = async (): Promise<string> => {
    const leases = await store.list(LEASES, { namespace: LEASE.namespace });
    return leases.items.find(({ metadata }) => metadata.name === LEASE.name)?.spec?.holderIdentity ?? '';
  };
  const eventually = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      assert.ok(performance.now() < deadline, `it never came to this: ${what}`);
      await pause(50);
    }
  };
  /** A new pod is bound: somebody decides. */
  const isDeciding = async (): Promise<void> => {
    const key = { namespace: 'default', name: `p${++pods}` };
    const containers = [{ name: 'main', image: 'i' }];
    await store.create(PODS, { metadata: key, spec: { schedulerName: 'fermata', containers } });
    await eventually(`${key.name} is bound`, async () => (await store.get(PODS, key)).spec.nodeName);
  };

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fermata-leaders-'));
    const parts = { clock: new SystemClock(), random: seededRandom(1), log: SILENT_LOG };
    server = new SandboxApiServer(parts, { directory, nodeSocket: join(directory, 'nodes.sock') });
    const { kubeconfigPath } = await server.start();
    assert.equal(kubeconfigPath, join(directory, 'kubeconfig'));
    store = new HttpStore(await loadKubeconfig({ path: kubeconfigPath }));
    const room = { cpu: '8', memory: '8Gi', pods: '50' };
    await store.create(NODES, { metadata: { name: 'n1' } });
    const status = { capacity: room, allocatable: room, conditions: [{ type: 'Ready', status: 'True' as const }] };
    await store.patch(NODES, { name: 'n1' }, { status }, { subresource: 'status' });
  });

  after(async () => {
    for (const child of started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await store.close();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });

  test('and the other takes over when it stands still, is ended, or is killed', async () => {
    const one = start();
    const first = await eventually('the first leads', async () => (await holder()) || undefined);
    await isDeciding();
    const two = start();

    one.kill('SIGSTOP');
    const second = await eventually('the second takes over', async () => {
      const now = await holder();
      return now !== first && now !== '' ? now : undefined;
    });
    await isDeciding();
    one.kill('SIGCONT');
    await isDeciding();
    assert.equal(await holder(), second, 'who comes back does not lead');

    two.kill('SIGTERM');
    const exited = once(two, 'exit');
    await eventually('the first leads again', async () => (await holder()) === first);
    assert.deepEqual(await exited, [0, null]);
    await isDeciding();

    const three = start();
    one.kill('SIGKILL');
    const third = await eventually('the third takes over', async () => {
      const now = await holder();
      return now !== first && now !== '' ? now : undefined;
    });
    await isDeciding();
    assert.notEqual(third, second);
    three.kill('SIGTERM');
    await once(three, 'exit');
    assert.equal(await holder(), '', 'it gave the lease back');
    const { spec } = await store.get(LEASES, LEASE);
    // On a machine that stands still now and then it may have changed hands more often.
    assert.ok((spec?.leaseTransitions ?? 0) >= 3);
  });
});
