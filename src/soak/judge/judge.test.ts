import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILED, HistoryStory, IN_PROGRESS, READY, RELEASED, RESTORED } from './history-story.ts';

const story = (): HistoryStory => new HistoryStory();

const cases: Record<string, { tell: () => HistoryStory; broken: (number | 'liveness')[] }> = {
  'a victim that is dumped, released and restored where it stopped is in order': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [RESTORED] })
        .process('ended', 20, { uid: 'again', reason: 'finished', exitCode: 0 })
        .output(11, 20, 'again')
        .pass(2_000),
    broken: [],
  },
  'a dump that fails although it is whole takes its victim with it': {
    tell: () =>
      story()
        .running(0)
        .checkpoint('c1', { conditions: [IN_PROGRESS] })
        .process('frozen', 10, { checkpoint: 'c1' })
        .process('dumped', 10, { checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [FAILED] }),
    broken: [7],
  },
  'one that fails because its disk has spoilt it does no wrong': {
    tell: () =>
      story()
        .running(0)
        .checkpoint('c1', { conditions: [IN_PROGRESS] })
        .process('frozen', 10, { checkpoint: 'c1' })
        .process('dumped', 10, { checkpoint: 'c1' })
        .fault('disk/rot', { checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [FAILED] }),
    broken: [],
  },
  'a second pod on a full node over-commits it': {
    tell: () => story().running(0).pod('other', { node: 'n1' }, 'scheduler#1'),
    broken: [1],
  },
  'a pod that has ended takes no room': {
    tell: () =>
      story()
        .running(0)
        .process('ended', 5, { reason: 'finished', exitCode: 0 })
        .pod('victim', { phase: 'Succeeded' })
        .pod('other', { node: 'n1' }, 'scheduler#1'),
    broken: [],
  },
  'a second process on a full machine over-commits it, whatever the API says': {
    tell: () =>
      story()
        .running(0)
        .gone('/pods', 'uid-victim')
        .pod('other', { node: 'n1' }, 'scheduler#1')
        .process('started', 0, { pod: 'other', workload: 'team/other' }),
    broken: [1],
  },
  'a request that a dead scheduler left on the way is not blamed on the living one': {
    tell: () =>
      story()
        .component('scheduler', 1, 'started')
        .running(0)
        .component('scheduler', 1, 'crashed')
        .component('scheduler', 2, 'started')
        .pod('other', { node: 'n1' }, 'scheduler#1'),
    broken: [],
  },
  'a pod that its owner deleted before its node heard of it is started late and then killed': {
    tell: () =>
      story()
        .pod('late', { node: 'n1' }, 'scheduler#1')
        .gone('/pods', 'uid-late')
        .pass(1_000)
        .process('started', 0, { pod: 'late', workload: 'team/late' })
        .pass(1_000)
        .process('ended', 1, { pod: 'late', workload: 'team/late', reason: 'killed' })
        .pass(1_000)
        .end(),
    broken: [],
  },
  'a checkpoint that a restored pod goes back to must not go': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [RESTORED] })
        .gone('fermata.dev/podcheckpoints', 'c1', 'node/n1#1'),
    broken: [5],
  },
  'two pods that run one workload are two incarnations': {
    tell: () =>
      story().running(0).node('n2').pod('twin', { node: 'n2' }).process('started', 0, { pod: 'twin', node: 'n2' }),
    broken: [2],
  },
  'an incarnation from a checkpoint that was restored before is one too many': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [RESTORED] })
        .process('ended', 20, { uid: 'again', reason: 'finished', exitCode: 0 })
        .gone('/pods', 'again')
        .pod('victim', { uid: 'third', annotations: { 'fermata.dev/restore-from': 'c1' } }, 'controller#1'),
    broken: [2],
  },
  'a workload that begins anew has lost what its checkpoint holds': {
    tell: () => story().suspended(10).released().process('started', 0, { uid: 'again' }),
    broken: [3],
  },
  'a workload that was never checkpointed may begin anew when its node failed': {
    tell: () =>
      story()
        .running(10)
        .machine('n1', 'powerFailed')
        .pass(-1_000)
        .process('ended', 12, { reason: 'killed' })
        .output(11, 12)
        .process('started', 0),
    broken: [],
  },
  'and when it crashed by itself': {
    tell: () => story().running(10).process('ended', 12, { reason: 'OOMKilled' }).output(11, 12).process('started', 0),
    broken: [],
  },
  'but not for no reason': {
    tell: () => story().running(10).process('removed', 10).process('started', 0),
    broken: [3],
  },
  'a victim is not deleted before its checkpoint is Ready': {
    tell: () =>
      story()
        .running(10)
        .checkpoint('c1', { conditions: [IN_PROGRESS] })
        .pod('victim', { deleting: true }, 'controller#1'),
    broken: [3],
  },
  'nor is another pod of its name': {
    tell: () =>
      story()
        .suspended(10)
        .process('removed', 10)
        .gone('/pods', 'uid-victim')
        .node('n2')
        .pod('victim', { uid: 'other', node: 'n2' })
        .pod('victim', { uid: 'other', deleting: true }, 'controller#1'),
    broken: [3],
  },
  'a suspended workload is restored when there is room': {
    tell: () =>
      story()
        .suspended(10)
        .pod('victim', { deleting: true }, 'controller#1')
        .process('removed', 10)
        .gone('/pods', 'uid-victim', 'node/n1#1')
        .checkpoint('c1', { conditions: [RELEASED, { type: 'Restored', status: 'False', reason: 'Suspended' }] })
        .pod('victim', { uid: 'again', annotations: { 'fermata.dev/restore-from': 'c1' } }, 'controller#1')
        .end([{ checkpoints: ['team_c_c1'] }]),
    broken: [4],
  },
  'and need not be while there is none': {
    tell: () =>
      story()
        .suspended(10)
        .pod('victim', { deleting: true }, 'controller#1')
        .process('removed', 10)
        .gone('/pods', 'uid-victim', 'node/n1#1')
        .checkpoint('c1', { conditions: [RELEASED, { type: 'Restored', status: 'False', reason: 'Suspended' }] })
        .pod('victim', { uid: 'again', annotations: { 'fermata.dev/restore-from': 'c1' } }, 'controller#1')
        .pod('other', { node: 'n1' }, 'scheduler#1')
        .process('started', 0, { pod: 'other', workload: 'team/other' })
        .end([{ checkpoints: ['team_c_c1'], pods: ['uid-other'] }]),
    broken: [],
  },
  'the only copy of a suspended workload may not be let go': {
    tell: () => story().suspended(10).checkpoint('c1', { deleting: true }, 'controller#1'),
    broken: [5],
  },
  'nor its data, whatever the API says': {
    tell: () => {
      const suspended = story().suspended(10).released();
      return suspended.gone('/pods', 'again').pod('victim', { uid: 'taken', node: 'n1', phase: 'Succeeded' }).end([{}]);
    },
    broken: [],
  },
  'a copy that was restored from may go when the pod is over': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .process('ended', 20, { uid: 'again', reason: 'finished', exitCode: 0 })
        .pod('victim', { uid: 'again', phase: 'Succeeded' })
        .checkpoint('c1', { deleting: true }, 'controller#1')
        .gone('fermata.dev/podcheckpoints', 'c1', 'node/n1#1'),
    broken: [],
  },
  'but not while the pod that came from it may need it again': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .checkpoint('c1', { deleting: true }, 'controller#1'),
    broken: [5],
  },
  'a dump without images is no checkpoint': {
    tell: () =>
      story()
        .running(0)
        .fault('dump/noImage', { checkpoint: 'c1', podUid: 'uid-victim' })
        .process('frozen', 10, { checkpoint: 'c1' })
        .output(1, 10)
        .process('dumped', 10, { checkpoint: 'c1' })
        .checkpoint('c1', { conditions: [READY] }),
    broken: [5],
  },
  'data that has rotted is not restored': {
    tell: () =>
      story()
        .suspended(10)
        .fault('disk/rot', { checkpoint: 'c1' })
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' }),
    broken: [5],
  },
  'room is not Released while the victim is on the machine': {
    tell: () =>
      story()
        .suspended(10)
        .checkpoint('c1', { conditions: [RELEASED] }),
    broken: [6],
  },
  'room whose release nobody confirmed is not given away': {
    tell: () =>
      story()
        .suspended(10)
        .pod('victim', { deleting: true }, 'controller#1')
        .process('removed', 10)
        .gone('/pods', 'uid-victim', 'node/n1#1')
        .pod('urgent', { node: 'n1' }, 'scheduler#1'),
    broken: [6],
  },
  'a node lets a pod go only when it is gone from the machine': {
    tell: () =>
      story().suspended(10).pod('victim', { deleting: true }, 'controller#1').gone('/pods', 'uid-victim', 'node/n1#1'),
    broken: [6],
  },
  'a failed dump leaves its victim running': {
    tell: () =>
      story()
        .running(0)
        .checkpoint('c1', { conditions: [IN_PROGRESS] })
        .process('frozen', 10, { checkpoint: 'c1' })
        .output(1, 10)
        .process('thawed', 10)
        .checkpoint('c1', { conditions: [FAILED] }),
    broken: [],
  },
  'and not frozen': {
    tell: () =>
      story()
        .running(0)
        .process('frozen', 10, { checkpoint: 'c1' })
        .output(1, 10)
        .checkpoint('c1', { conditions: [FAILED] }),
    broken: [7],
  },
  'nor stopped by a dump that is whole': {
    tell: () =>
      story()
        .running(0)
        .process('frozen', 10, { checkpoint: 'c1' })
        .output(1, 10)
        .process('dumped', 10)
        .checkpoint('c1', { conditions: [FAILED] }),
    broken: [7],
  },
  'nor killed': {
    tell: () => story().running(10).process('ended', 12, { reason: 'killed' }).output(11, 12).pass(1_000).end(),
    broken: [7, 'liveness'],
  },
  'a pod is dumped for one checkpoint at a time': {
    tell: () =>
      story()
        .running(0)
        .checkpoint('c1', { conditions: [IN_PROGRESS] })
        .checkpoint('c2', { conditions: [IN_PROGRESS] }),
    broken: [7],
  },
  'what a victim writes after its dump must not exist': {
    tell: () => story().suspended(10).process('thawed', 10).process('ended', 15, { reason: 'killed' }).output(11, 15),
    broken: [9, 7],
  },
  'a checkpoint that says Ready while its pod runs on lies': {
    tell: () =>
      story()
        .running(0)
        .process('frozen', 10, { checkpoint: 'c1' })
        .output(1, 10)
        .process('thawed', 10)
        .checkpoint('c1', { conditions: [READY] }),
    broken: [9],
  },
  'a step that nobody wrote is missing': {
    tell: () => story().running(10).process('frozen', 20, { checkpoint: 'x' }).output(12, 20),
    broken: [9],
  },
  'a step that a process wrote before is written twice': {
    tell: () => story().running(10).process('frozen', 20, { checkpoint: 'x' }).output(8, 20),
    broken: [9],
  },
  'a restore at another step than the dump is not its state': {
    tell: () => story().suspended(10).released().process('restored', 11, { uid: 'again', checkpoint: 'c1' }),
    broken: [9],
  },
  'a workload that finished does not run again': {
    tell: () =>
      story()
        .suspended(10)
        .released()
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' })
        .process('ended', 20, { uid: 'again', reason: 'finished', exitCode: 0 })
        .output(11, 20, 'again')
        .process('restored', 10, { uid: 'again', checkpoint: 'c1' }),
    broken: [9],
  },
  'a checkpoint that is never made is stuck': {
    tell: () =>
      story()
        .running(0)
        .checkpoint('c1')
        .end([{ pods: ['uid-victim'] }]),
    broken: ['liveness'],
  },
  'a pod that nobody lets go is stuck': {
    tell: () =>
      story()
        .running(0)
        .pod('victim', { deleting: true })
        .end([{ pods: ['uid-victim'] }]),
    broken: ['liveness'],
  },
  'a pod that fits is not left pending': {
    tell: () => story().node('n1').pod('victim').end([{}]),
    broken: ['liveness'],
  },
  'a pod that does not fit may be': {
    tell: () => story().node('n1').pod('victim', { cpu: '2' }).end([{}]),
    broken: [],
  },
  'a pod that only a cordoned node could hold may be': {
    tell: () => story().node('n1', '1', { unschedulable: true }).pod('victim').end([{}]),
    broken: [],
  },
  'data without object is left over': {
    tell: () =>
      story()
        .node('n1')
        .end([{ checkpoints: ['team_c_c9'] }]),
    broken: ['liveness'],
  },
  'a pod without object is left over': {
    tell: () =>
      story()
        .node('n1')
        .end([{ pods: ['uid-ghost'], volumes: ['uid-ghost'] }]),
    broken: ['liveness'],
  },
  'an alarm that is set after everything stopped is left over': {
    tell: () => story().end([], 'stopped', 1),
    broken: ['liveness'],
  },
};

for (const [name, { tell, broken }] of Object.entries(cases)) {
  test(name, () => {
    const told = tell();
    assert.deepEqual(
      told.broken(),
      broken,
      told
        .verdicts()
        .map(({ message }) => message)
        .join('\n'),
    );
  });
}

test('data of a suspended workload that is gone from its node is found missing', () => {
  const told = story()
    .suspended(10)
    .pod('victim', { deleting: true }, 'controller#1')
    .process('removed', 10)
    .gone('/pods', 'uid-victim', 'node/n1#1')
    .checkpoint('c1', { conditions: [RELEASED, { type: 'Restored', status: 'False', reason: 'Suspended' }] })
    .pod('victim', { uid: 'again', cpu: '9', annotations: { 'fermata.dev/restore-from': 'c1' } }, 'controller#1')
    .end([{}]);
  assert.deepEqual(told.broken(), [5]);
});
