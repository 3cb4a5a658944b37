import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHECKPOINTABLE_CONDITION, type Condition, type Node, type Pod } from '../../model/index.ts';
import { EPOCH, node, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { hindranceOfNode, hindranceOfPod } from './checkpointability.ts';

const hostPath = (path: string, type?: string): Partial<Pod['spec']> => ({
  volumes: [{ name: 'v', hostPath: { path, ...(type !== undefined && { type }) } }],
});
const container = { name: 'main', image: 'i' };

const PODS: Record<string, { spec?: Partial<Pod['spec']>; seen?: 'True' | 'False'; wants: string | undefined }> = {
  'a pod of which nothing is known may be': { wants: undefined },
  'one with a folder of its node may be': { spec: hostPath('/srv/data', 'Directory'), wants: undefined },
  'one with a device of its node may not': {
    spec: hostPath('/dev/kvm'),
    wants: 'volume v is the device /dev/kvm of its node',
  },
  'nor one that says so only by the type': {
    spec: hostPath('/srv/tty', 'CharDevice'),
    wants: 'volume v is the device /srv/tty of its node',
  },
  'nor one that has all of them': { spec: hostPath('/dev'), wants: 'volume v is the device /dev of its node' },
  'a folder that only begins like that is none': { spec: hostPath('/devices/x'), wants: undefined },
  'memory that lies there is none': { spec: hostPath('/dev/shm/cache'), wants: undefined },
  'a claim as a block device is one': {
    spec: { containers: [{ ...container, volumeDevices: [{ name: 'raw', devicePath: '/dev/xvda' }] }] },
    wants: 'container main has volume raw as the block device /dev/xvda',
  },
  'what its agent saw holds': { seen: 'False', wants: 'main has an io_uring open' },
  'and no longer when it is gone': { seen: 'True', wants: undefined },
};
for (const [sentence, { spec, seen, wants }] of Object.entries(PODS)) {
  test(`checkpointable before a plan: ${sentence}`, () => {
    const builder = pod('a').spec({ containers: [container], ...spec });
    if (seen !== undefined) builder.condition(found(seen));
    assert.equal(hindranceOfPod(builder.build()), wants);
  });
}

function found(status: 'True' | 'False'): Condition {
  return { type: CHECKPOINTABLE_CONDITION, status, reason: 'IoUring', message: 'main has an io_uring open' };
}

const RUNTIMES: Record<string, boolean> = {
  'containerd://1.7.27': false,
  'containerd://2.0.5': false,
  'containerd://2.1.0': true,
  'containerd://v2.2.0-rc.1': true,
  'cri-o://1.24.6': false,
  'cri-o://1.25.0': true,
  'docker://20.10.5': false,
  'podman://': true,
  'simulated://': true,
  '': true,
};
for (const [containerRuntimeVersion, able] of Object.entries(RUNTIMES)) {
  test(`container runtime "${containerRuntimeVersion}" ${able ? 'is not known to be unable' : 'cannot checkpoint'}`, () => {
    const nodeInfo = { containerRuntimeVersion } as NonNullable<NonNullable<Node['status']>['nodeInfo']>;
    assert.equal(hindranceOfNode({ ...node('n1').build(), status: { nodeInfo } }) === undefined, able);
  });
}

const room = (name: string) => node(name).allocatable({ cpu: '2' });
const low = (name: string, nodeName: string) => pod(name).priority(1).requests({ cpu: '2' }).on(nodeName);
const urgent = () => pod('p').priority(10).requests({ cpu: '2' }).preemption('CheckpointLowerPriority');
const MINUTE = 60_000;

test('a plan goes around what cannot be checkpointed, and takes it once it can', () => {
  const story = new Story().nodes(room('n1'), room('n2'));
  story.pods(low('a', 'n1').condition(found('False')), low('b', 'n2').priority(2));
  story.now = EPOCH + 10 * MINUTE;
  assert.deepEqual(
    story.pods(urgent()).brief(),
    ['Interrupt Checkpoint b for p → n2'],
    'though a is of lower priority',
  );
});

test('who waits behind it is told why, and looked at again when it can be checkpointed after all', () => {
  const story = new Story().nodes(room('n1')).pods(low('a', 'n1').condition(found('False')));
  story.now = EPOCH + 10 * MINUTE;
  const [said = ''] = story.pods(urgent()).brief();
  assert.match(said, /Left alone: default\/a \(cannot be checkpointed: main has an io_uring open\)\.$/);
  story.after(MINUTE).pods(low('a', 'n1').condition(found('True')));
  assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n1']);
});

test('it may be terminated where its policy says so', () => {
  const story = new Story().nodes(room('n1')).pods(low('a', 'n1').spec(hostPath('/dev/kvm')));
  story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { onPreemption: 'CheckpointElseTerminate' }) });
  story.now = EPOCH + 10 * MINUTE;
  assert.deepEqual(story.pods(urgent()).brief(), ['Interrupt Terminate a for p → n1']);
});
