import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { conditionOf, LEASES, NODES, PODS } from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { define, withNamespace } from './cluster.ts';

test('the scheduler wins its lease, reads the cluster, binds what fits and says why the rest waits', async () => {
  await withNamespace(async (store, namespace) => {
    await define(store);
    const node = `node-of-${namespace}`;
    const labels = { 'fermata.dev/test': namespace };
    const room = { cpu: '2', memory: '4Gi', pods: '10' };
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    await store.create(NODES, { metadata: { name: node, labels } });
    await store.patch(
      NODES,
      { name: node },
      { status: { capacity: room, allocatable: room, conditions } },
      { subresource: 'status' },
    );
    // Where no controller looks after nodes nobody takes this one off, which admission puts on each new node.
    await store.patch(NODES, { name: node }, { spec: { taints: null } });
    const flags = ['--scheduler-name', namespace, '--leader-elect-resource-namespace', namespace];
    const scheduler = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, 'scheduler', ...flags], {
      stdio: 'ignore',
    });
    const exited = once(scheduler, 'exit');
    try {
      for (const name of ['a', 'b', 'c']) {
        const containers = [
          { name: 'main', image: 'registry.example/none:1', resources: { requests: { cpu: '900m' } } },
        ];
        await store.create(PODS, {
          metadata: { namespace, name },
          spec: { schedulerName: namespace, nodeSelector: labels, automountServiceAccountToken: false, containers },
        });
      }
      const deadline = performance.now() + 120_000;
      for (;;) {
        const { items } = await store.list(PODS, { namespace });
        const bound = items.filter(({ spec }) => spec.nodeName === node);
        const waiting = items.filter(
          ({ status }) => conditionOf(status?.conditions, 'PodScheduled')?.status === 'False',
        );
        if (bound.length === 2 && waiting.length === 1) break;
        assert.ok(performance.now() < deadline, `after two minutes ${bound.length} are bound, ${waiting.length} wait`);
        await pause(100);
      }
      const lease = await store.get(LEASES, { namespace, name: 'fermata-scheduler' });
      assert.notEqual(lease.spec?.holderIdentity, '');
    } finally {
      scheduler.kill('SIGTERM');
      const [status] = await exited;
      assert.equal(status, 0);
      for (const { metadata } of (await store.list(PODS, { namespace })).items) {
        await store.delete(PODS, metadata, { gracePeriodSeconds: 0 });
      }
      await store.delete(NODES, { name: node });
    }
    const lease = await store.get(LEASES, { namespace, name: 'fermata-scheduler' });
    assert.equal(lease.spec?.holderIdentity ?? '', '', 'it gave the lease back');
  });
});
