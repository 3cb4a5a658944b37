import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cycle } from '../framework/cycle.ts';
import { DumpHistory } from '../interruption/dump-history.ts';
import { RestoreEstimate } from '../interruption/restore-estimate.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { checkpoint, EPOCH, node, pod } from '../testing.ts';
import { CheckpointLocality } from './checkpoint-locality.ts';

const GIB = 2 ** 30;

/** Scores of nodes `n1`, which holds `gib` GiB, and `n2`. */
function scores(
  gib: number,
  options: { learned?: (history: DumpHistory) => void; restores?: boolean; wiped?: boolean } = {},
) {
  const cluster = new Cluster();
  for (const name of ['n1', 'n2']) cluster.setNode(node(name).build());
  const history = new DumpHistory();
  options.learned?.(history);
  const source = pod('w').on('n1').build();
  const saved = checkpoint(source, 'c')
    .ready(0, { sizeBytes: gib * GIB })
    .build();
  const store = { url: 's3://bucket/x', digest: '', sizeBytes: gib * GIB, encrypted: true };
  const nodeLocal = options.wiped === true ? {} : { nodeLocal: { path: 'default_c_uid' } };
  saved.status = { ...saved.status, checkpointLocation: { type: 'Store', ...nodeLocal, store } };
  const plugin = new CheckpointLocality({
    checkpointOf: (key) => (key === 'default/c' ? saved : undefined),
    restores: new RestoreEstimate(history),
  });
  const built = options.restores === false ? pod('w') : pod('w').restoreFrom('c', 0);
  const cycle = new Cycle(podInfo(built.build(), cluster.space, cluster.templates), EPOCH);
  if (plugin.preScore(cycle) === 'skip') return 'skip';
  return cluster.nodes.map((one) => plugin.score(cycle, one));
}

test('the node that holds the data has all points, others the fewer the more there is to fetch', () => {
  assert.deepEqual(scores(1 / 1024), [100, 99]);
  assert.deepEqual(scores(1), [100, 30]);
  assert.deepEqual(scores(50), [100, 19]);
});

test('a node from which the data went to the store is as good as any other', () => {
  assert.deepEqual(scores(50, { wiped: true }), [99, 99]);
});

test('a slower store costs points', () => {
  const slow = (history: DumpHistory): void => {
    for (let index = 0; index < 9; index++) history.stores.learn('s3://bucket/y', GIB, 100);
  };
  assert.ok(Number(scores(1, { learned: slow })[1]) <= 5);
});

test('a node that restores faster makes up for it, and never outdoes the one that holds the data', () => {
  const slowHolder = (history: DumpHistory): void => {
    for (let index = 0; index < 9; index++) history.restores.learn('n1', GIB, 30);
    for (let index = 0; index < 9; index++) history.restores.learn('n2', GIB, 0.5);
  };
  assert.deepEqual(scores(1, { learned: slowHolder }), [100, 99]);
});

test('a pod that starts from nothing, or from what nobody knows, has no preference', () => {
  assert.equal(scores(1, { restores: false }), 'skip');
});
