import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { conditionOf, isConditionTrue, POD_GROUP_CHECKPOINTS, type PodGroupCheckpoint } from '../../src/model/index.ts';
import { counting, countsOn } from './counting.ts';
import { type Installed, NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;
const CRIU_CONFIGURATION = 'etc/criu/runc.conf';
const FAULT = 'run/fermata-test-fault.sh';

/** CRIU itself fails the restores on the last node, at a hook, until that is undone. */
async function breakRestores(roots: readonly string[]): Promise<() => Promise<void>> {
  const line = `action-script /${FAULT}\n`;
  for (const [index, root] of roots.entries()) {
    const fails = index === roots.length - 1 ? '[ "$CRTOOLS_SCRIPT_ACTION" != post-restore ]' : 'exit 0';
    await writeFile(join(root, FAULT), `#!/bin/sh\n${fails}\n`, { mode: 0o755 });
  }
  const each = async (change: (text: string) => string): Promise<void> => {
    for (const root of roots) {
      const path = join(root, CRIU_CONFIGURATION);
      await writeFile(path, change((await readFile(path, 'utf8')).replaceAll(line, '')));
    }
  };
  await each((text) => `${text}${line}`);
  return async () => {
    await each((text) => text);
    for (const root of roots) await rm(join(root, FAULT), { force: true });
  };
}

function groupOf({ store, namespace }: Installed): Promise<PodGroupCheckpoint> {
  return store.get(POD_GROUP_CHECKPOINTS, { namespace, name: 'ring' });
}

test('a group on two nodes is frozen as one; while one member cannot come back none goes on, and then all do', {
  skip,
}, async () => {
  await withFermata(async (ground) => {
    const { store, namespace, nodes, until } = ground;
    const names = nodes.map((_, index) => `rank-${index}`);
    for (const [index, node] of nodes.entries()) {
      // Of several containers the kubelet starts one after the other.
      const containers = index === 0 ? 2 : 1;
      const name = `rank-${index}`;
      await ground.pod(name, { priority: 'low', cpu: '100m', node, labels: { app: 'ring' }, containers });
    }
    for (const name of names) await counting(ground, name);
    const roots = nodes.map((node) => NODES_HERE?.roots[node] ?? '/');
    const mend = await breakRestores(roots);
    try {
      await store.create(POD_GROUP_CHECKPOINTS, {
        metadata: { namespace, name: 'ring' },
        spec: { selector: { matchLabels: { app: 'ring' } }, postCheckpointState: 'Stopped', timeoutSeconds: 60 },
      });
      await until('all are frozen and gone', async () =>
        isConditionTrue((await groupOf(ground)).status?.conditions, 'Released'),
      );
      const frozen = await Promise.all(names.map((name) => ground.output(name)));
      // Twice: the members meet again at the next try.
      const given = await until('two tries were given up', async () => {
        const group = await groupOf(ground);
        return (group.status?.restoration?.round ?? 1) > 2 ? group : undefined;
      });
      assert.match(given.status?.restoration?.message ?? '', /pod rank-1 did not come back/);
      assert.equal(conditionOf(given.status?.conditions, 'Restored')?.reason, 'RestoreFailed');
      const then = await Promise.all(names.map((name) => ground.output(name)));
      assert.deepEqual(then, frozen, 'none has run meanwhile');
      await mend();
      await until('all are back', async () => isConditionTrue((await groupOf(ground)).status?.conditions, 'Restored'));
      assert.equal((await groupOf(ground)).status?.restoration?.verdict, 'Committed');
      for (const [index, name] of names.entries()) {
        assert.ok((await ground.output(name)).startsWith(frozen[index] ?? '-'));
        await countsOn(ground, name, await ground.steps(name));
      }
    } finally {
      await mend();
    }
    await store.delete(POD_GROUP_CHECKPOINTS, { namespace, name: 'ring' });
  });
});
