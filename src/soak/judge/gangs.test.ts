import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL, type Pod, type PodCheckpoint } from '../../model/index.ts';
import { HistoryStory, READY, RELEASED } from './history-story.ts';

const MINUTE = 60_000;
const RANK = { labels: { [POD_GROUP_LABEL]: 'ring' } };

/** Two nodes for one pod each, and a gang of two, of which `count` ranks wait. */
function ring(count: number): HistoryStory {
  const story = new HistoryStory().node('n1').node('n2').podGroup('ring', 2);
  for (let rank = 0; rank < count; rank++) story.pod(`rank-${rank}`, RANK);
  return story;
}

const starts = (story: HistoryStory, pod: string, node: string, by = 'scheduler#1'): HistoryStory =>
  story.pod(pod, { node }, by).process('started', 0, { pod, node, workload: `team/${pod}` });

/** Something happens, so that the judge looks. */
const later = (story: HistoryStory): HistoryStory => story.pass(11 * MINUTE).pod('other');

/** One rank has succeeded; the other one was suspended, long ago. */
const halfDone = (): HistoryStory =>
  starts(starts(ring(2), 'rank-0', 'n1'), 'rank-1', 'n2')
    .process('ended', 5, { pod: 'rank-0', workload: 'team/rank-0', reason: 'finished', exitCode: 0 })
    .pod('rank-0', { phase: 'Succeeded' })
    .process('removed', 0, { pod: 'rank-1', node: 'n2', workload: 'team/rank-1' })
    .gone('/pods', 'uid-rank-1')
    .pass(60 * MINUTE)
    .pod('rank-1', { uid: 'again', ...RANK, annotations: { 'fermata.dev/restore-from': 'c1' } });

const cases: Record<string, { tell: () => HistoryStory; broken: (number | 'liveness')[] }> = {
  'ranks that are bound one after the other started together': {
    tell: () => later(starts(starts(ring(2), 'rank-0', 'n1'), 'rank-1', 'n2')),
    broken: [],
  },
  'a rank is bound before its sibling exists': {
    tell: () => starts(ring(1), 'rank-0', 'n1'),
    broken: [8],
  },
  'a rank is bound whose sibling was deleted a moment ago: the watch tells later': {
    tell: () => starts(ring(2).gone('/pods', 'uid-rank-1'), 'rank-0', 'n1'),
    broken: [],
  },
  'a rank is bound whose sibling was deleted long ago': {
    tell: () =>
      starts(
        ring(2)
          .gone('/pods', 'uid-rank-1')
          .pass(11 * MINUTE),
        'rank-0',
        'n1',
      ),
    broken: [8],
  },
  'a rank is bound, and the other one stays behind': {
    tell: () => later(starts(ring(2), 'rank-0', 'n1')),
    broken: [8],
  },
  'the scheduler died between two ranks': {
    tell: () => later(starts(ring(2), 'rank-0', 'n1').component('scheduler', 1, 'crashed')),
    broken: [],
  },
  'the other one ended, and comes back alone': {
    tell: () =>
      later(
        starts(
          starts(starts(ring(2), 'rank-0', 'n1'), 'rank-1', 'n2')
            .gone('/pods', 'uid-rank-1')
            .process('removed', 0, { pod: 'rank-1', node: 'n2', workload: 'team/rank-1' })
            .pod('rank-1', { uid: 'again', ...RANK }),
          'rank-1',
          'n2',
        ),
      ),
    broken: [],
  },
  'a rank comes back alone, as its sibling has succeeded': {
    tell: () => halfDone().pod('rank-1', { uid: 'again', node: 'n2' }, 'scheduler#1'),
    broken: [],
  },
  'at rest it waits although it could come back': {
    tell: () => halfDone().end([{}, { node: 'n2' }]),
    broken: ['liveness'],
  },
  'at rest a gang waits that fits': {
    tell: () => ring(2).end([{}, { node: 'n2' }]),
    broken: ['liveness'],
  },
  'at rest a gang waits for a rank that nobody has made': {
    tell: () => ring(1).end([{}, { node: 'n2' }]),
    broken: [],
  },
  'at rest a gang waits of which only one fits': {
    tell: () => starts(ring(2).pod('other'), 'other', 'n1').end([{}, { node: 'n2' }]),
    broken: [],
  },
  'at rest a gang waits of which a rank is suspended': {
    tell: () => {
      const story = ring(2);
      const gated = { name: 'rank-1', uid: 'uid-rank-1', resourceVersion: '1', creationTimestamp: '' };
      const spec = { containers: [{ name: 'main', image: 'i' }], schedulingGates: [{ name: 'fermata.dev/suspended' }] };
      const metadata = { ...gated, namespace: 'team', ...RANK };
      return story
        .write('user', '/pods', { apiVersion: 'v1', kind: 'Pod', metadata, spec } as Pod)
        .end([{}, { node: 'n2' }]);
    },
    broken: [],
  },
};

for (const [name, { tell, broken }] of Object.entries(cases)) {
  test(name, () => {
    const told = tell();
    const messages = told.verdicts().map(({ message }) => message);
    assert.deepEqual(told.broken(), broken, messages.join('\n'));
  });
}

/** Two pods, stopped as one group, of which `waiting` have an incarnation; the judge looks at rest. */
function stoppedGroup(waiting: readonly string[], more: { label?: string; busy?: boolean } = {}): string[] {
  const story = new HistoryStory().node('n1').node('n2');
  if (more.busy === true) starts(story.pod('other'), 'other', 'n1');
  for (const name of ['a', 'b']) {
    const labels = name === 'a' && more.label !== undefined ? { [POD_GROUP_LABEL]: more.label } : {};
    story.write('node/n1#1', 'fermata.dev/podcheckpoints', {
      apiVersion: 'fermata.dev/v1alpha1',
      kind: 'PodCheckpoint',
      metadata: { namespace: 'team', name: `c-${name}`, uid: `c-${name}`, resourceVersion: '1', creationTimestamp: '' },
      spec: { sourcePod: { name, uid: `uid-${name}` }, postCheckpointState: 'Stopped', group: 'all' },
      status: {
        conditions: [READY, RELEASED],
        checkpointedPodTemplate: { metadata: { labels }, spec: {} },
      },
    } as PodCheckpoint);
    if (waiting.includes(name)) {
      story.pod(name, { uid: `again-${name}`, labels, annotations: { 'fermata.dev/restore-from': `c-${name}` } });
    }
  }
  const suspended = story.end([{}, { node: 'n2' }]).verdicts();
  return suspended.filter(({ message }) => message.includes('is suspended although')).map(({ message }) => message);
}

test('at rest a group that was stopped waits although all of it fits', () => {
  assert.deepEqual(stoppedGroup(['a', 'b']), [
    'pod team/a is suspended although all 2 pods of its group fit on the nodes',
  ]);
});

test('at rest a group waits for room for all, or for one that nobody has made', () => {
  assert.deepEqual(stoppedGroup(['a', 'b'], { busy: true }), []);
  assert.deepEqual(stoppedGroup(['a']), []);
});

test('at rest a member of a group of several jobs waits although it fits', () => {
  assert.equal(stoppedGroup(['b'], { label: 'job' }).length, 1);
});
