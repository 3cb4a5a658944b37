import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PODS, type Pod } from '../../src/model/index.ts';
import { OWN_COMMAND } from '../sandbox-harness.ts';
import { define, withNamespace } from './cluster.ts';
import { fakePod, inParallel, withFakeNodes } from './fake-nodes.ts';

const NODES = 1_000;
const PODS_OF_EACH = 2_500;
/** A node of one processor has room for ten. */
const PODS_A_NODE = 10;
const WAIT_MILLISECONDS = 300_000;

test("1,000 nodes take 5,000 pods, one half Fermata's and the other the cluster's own scheduler's, and none takes too many", async () => {
  await withNamespace(async (store, namespace) => {
    await define(store);
    await withFakeNodes(store, { namespace, count: NODES, cpu: '1' }, async () => {
      const flags = ['--scheduler-name', namespace, '--leader-elect-resource-namespace', namespace];
      const command = [...OWN_COMMAND.arguments, 'scheduler', ...flags];
      const scheduler = spawn(OWN_COMMAND.command, command, { stdio: 'ignore' });
      const exited = once(scheduler, 'exit');
      try {
        const names = Array.from({ length: PODS_OF_EACH }, (_, index) => `pod-${index}`);
        const drafts = names.flatMap((name) => [
          fakePod(namespace, name, namespace),
          fakePod(namespace, `other-${name}`, 'default-scheduler'),
        ]);
        await inParallel(drafts, (draft) => store.create(PODS, draft));
        const deadline = performance.now() + WAIT_MILLISECONDS;
        let pods: Pod[] = [];
        for (;;) {
          pods = (await store.list(PODS, { namespace })).items;
          const waiting = pods.filter(({ spec }) => spec.nodeName === undefined);
          if (waiting.length === 0) break;
          const of = new Set(waiting.map(({ spec }) => spec.schedulerName));
          assert.ok(performance.now() < deadline, `${waiting.length} pods of ${[...of]} are not bound`);
          await pause(1_000);
        }
        assert.equal(pods.length, 2 * PODS_OF_EACH);
        const onNode = new Map<string, number>();
        for (const { spec } of pods) onNode.set(spec.nodeName ?? '', (onNode.get(spec.nodeName ?? '') ?? 0) + 1);
        assert.deepEqual(
          [...onNode].filter(([, count]) => count > PODS_A_NODE),
          [],
          'nodes that are over-committed',
        );
      } finally {
        scheduler.kill('SIGTERM');
        assert.equal((await exited)[0], 0);
      }
    });
  });
});
