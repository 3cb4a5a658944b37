import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL, type PodCheckpoint } from '../../model/index.ts';
import { groupIs } from '../gang/testing-group.ts';
import { checkpoint, node, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

const GIB = 2 ** 30;
const MINUTE = 60_000;
const RESTORED = { type: 'fermata.dev/Restored', status: 'True' as const };

/** A suspended workload's state: so many GiB on the node. */
function saved(name: string, gib: number, nodeName = 'n1', url?: string): PodCheckpoint {
  const source = pod(name).workload(name).on(nodeName).build();
  const built = checkpoint(source, `c-${name}`)
    .ready(0, { sizeBytes: gib * GIB })
    .released()
    .build();
  if (url === undefined) return built;
  const store = { url, digest: '', sizeBytes: gib * GIB, encrypted: true };
  return {
    ...built,
    status: { ...built.status, checkpointLocation: { type: 'Store', nodeLocal: { path: built.metadata.uid }, store } },
  };
}

const next = (name: string) => pod(`${name}-2`).workload(name).requests({ cpu: '1' }).restoreFrom(`c-${name}`, 0);
const big = (name: string) => node(name).allocatable({ cpu: '64', memory: '512Gi' });

/** Workloads with so many GiB each come back to one node at once. */
function comingBack(gibs: readonly number[]) {
  const story = new Story().nodes(big('n1'));
  for (const [index, gib] of gibs.entries()) {
    story.tell({ type: 'CheckpointChanged', checkpoint: saved(`w${index}`, gib) });
  }
  for (const index of gibs.keys()) story.pods(next(`w${index}`));
  return story;
}

const bound = (brief: readonly string[]) => brief.filter((line) => line.startsWith('Bind')).length;

test('small checkpoints come back at once, up to eight on a node', () => {
  const outcome = comingBack(new Array<number>(10).fill(0.1)).brief();
  assert.equal(bound(outcome), 8);
  assert.match(outcome.at(-1) ?? '', /0\/1 nodes are available: 1 node restores 8 checkpoint\(s\) already/);
});

test('large ones come back as the bandwidth of the node serves them', () => {
  assert.equal(bound(comingBack([25, 25, 25, 25]).brief()), 2);
  assert.equal(bound(comingBack([30, 30, 1]).brief()), 2);
});

test('one may always begin, however large it is', () => {
  assert.equal(bound(comingBack([500, 1]).brief()), 1);
});

test('the next begins when one is restored', () => {
  const story = comingBack([50, 50]);
  assert.equal(bound(story.brief()), 1);
  story.after(MINUTE).pods(next('w0').on('n1', MINUTE));
  assert.equal(bound(story.brief()), 0);
  story.after(MINUTE).pods(next('w0').on('n1', MINUTE).condition(RESTORED));
  assert.deepEqual(story.after(10_000).brief(), ['Bind w1-2 → n1']);
});

test('the next begins when one is given up', () => {
  const story = comingBack([50, 50]);
  story.brief();
  story.after(MINUTE).pods(next('w0').on('n1', MINUTE)).gone(next('w0').on('n1', MINUTE));
  assert.deepEqual(story.after(10_000).brief(), ['Bind w1-2 → n1']);
});

test('a restore that never ends holds the others up for ten minutes, not for ever', () => {
  const story = comingBack([50, 50]);
  story.brief();
  story.pods(next('w0').on('n1', 0));
  story.after(9 * MINUTE).brief();
  assert.deepEqual(story.after(6 * MINUTE).brief(), ['Bind w1-2 → n1']);
});

test('fetches from one store are paced over all nodes; the node that holds the data waits for no store', () => {
  const nodes = ['n1', 'n2', 'n3', 'n4'].map(big);
  const story = new Story().nodes(...nodes.slice(1));
  const url = 's3://bucket/x';
  for (const name of ['a', 'b', 'c']) {
    story.tell({ type: 'CheckpointChanged', checkpoint: saved(name, 10, 'gone', url) });
    story.pods(next(name));
  }
  // 10 GiB take 41 s of the store: a second one would make it 82.
  assert.equal(bound(story.brief()), 1);
  story.tell({ type: 'CheckpointChanged', checkpoint: saved('local', 10, 'n4', url) });
  assert.deepEqual(story.pods(next('local')).brief(), ['Bind local-2 → n4']);
  story.tell({ type: 'CheckpointChanged', checkpoint: saved('other', 10, 'gone', 's3://elsewhere/x') });
  assert.match(story.pods(next('other')).brief().join(), /^Bind other-2/);
});

test('pods that start from nothing are not paced, and nobody is interrupted to restore sooner', () => {
  const story = comingBack([500]);
  story.brief();
  story.pods(pod('fresh').requests({ cpu: '1' }));
  assert.deepEqual(story.brief(), ['Bind fresh → n1']);
  story.tell({ type: 'CheckpointChanged', checkpoint: saved('late', 500) });
  story.pods(next('late').priority(100).preemption('CheckpointLowerPriority'));
  assert.match(story.after(MINUTE).brief().join(), /^Unschedulable late-2: .* not helpful/);
});

test('a restore whose checkpoint is gone holds nobody up', () => {
  const story = comingBack([50, 50]);
  story.brief();
  story.tell({ type: 'CheckpointDeleted', checkpoint: saved('w0', 50) });
  story.nodes(big('n1').labels({ changed: 'yes' }));
  assert.deepEqual(story.after(10_000).brief(), ['Bind w1-2 → n1']);
});

test('a group comes back together however large it is, and waits for others as a whole', () => {
  const story = new Story().nodes(big('n1'));
  const names = Array.from({ length: 12 }, (_, index) => `r${index}`);
  const member = (name: string) => next(name).labels({ [POD_GROUP_LABEL]: 'mpi' });
  for (const name of names) story.tell({ type: 'CheckpointChanged', checkpoint: saved(name, 50) });
  story.tell({ type: 'CheckpointChanged', checkpoint: saved('alone', 50) });
  story.tell(groupIs('mpi', 12)).pods(...names.map(member));
  assert.equal(bound(story.brief()), 12);
  story.pods(next('alone'));
  assert.equal(bound(story.brief()), 0);
});

test('who is restored where the data is keeps nobody from the store', () => {
  const store = (name: string, nodeName: string) => saved(name, 14, nodeName, 's3://bucket/x');
  const story = new Story().nodes(big('n1'), big('n2'));
  for (const index of [0, 1, 2]) story.tell({ type: 'CheckpointChanged', checkpoint: store(`w${index}`, 'n1') });
  // Two on n1 ask for 28 s of its bandwidth; fetched, they would ask for 115 s of the store's.
  story.pods(next('w0').on('n1', 0), next('w1').on('n1', 0), next('w2').spec({ nodeSelector: { pool: 'other' } }));
  story.nodes(big('n3').labels({ pool: 'other' }));
  assert.deepEqual(story.brief(), ['Bind w2-2 → n3']);
});
