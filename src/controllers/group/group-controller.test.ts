import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import {
  EventRecorder,
  isApiError,
  MemoryBacking,
  Registry,
  type WatchEvent,
  type WatchOptions,
} from '../../kubernetes/index.ts';
import {
  type KubeObject,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  type ResourceType,
  SILENT_LOG,
} from '../../model/index.ts';
import { GroupController } from './group-controller.ts';

const GROUP = { namespace: 'default', name: 'ring' };
const STALL_MILLISECONDS = 3_600_000;

/** Lists PodCheckpoints, and tells an hour later what became of them. */
class StalledCheckpoints extends Registry {
  override async *watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    for await (const event of super.watch(type, options)) {
      if (type.kind === POD_CHECKPOINTS.kind) await clock.sleep(STALL_MILLISECONDS, options.signal);
      yield event;
    }
  }
}

let clock: VirtualClock;
let registry: StalledCheckpoints;
let controller: GroupController;

/** A group of one running pod, whose checkpoint the controller has ordered and sees nothing of. */
beforeEach(async () => {
  clock = new VirtualClock();
  registry = new StalledCheckpoints({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const parts = { store: registry, clock, random: seededRandom(2), log: SILENT_LOG };
  controller = new GroupController({ ...parts, events: new EventRecorder(parts, { component: 'test' }) });
  const pod = await registry.create(PODS, {
    metadata: { name: 'rank-0', namespace: 'default', labels: { app: 'ring' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  });
  await registry.bind({ namespace: 'default', name: 'rank-0', uid: pod.metadata.uid }, 'n1');
  const key = { namespace: 'default', name: 'rank-0' };
  await registry.patch(PODS, key, { status: { phase: 'Running' } }, { subresource: 'status' });
  controller.start();
  await registry.create(POD_GROUP_CHECKPOINTS, {
    metadata: GROUP,
    spec: { selector: { matchLabels: { app: 'ring' } }, postCheckpointState: 'Stopped' },
  });
  await clock.advanceUntil(async () => (await members()).length === 1, 5_000);
});

afterEach(() => controller.stop());

async function members(): Promise<PodCheckpoint[]> {
  return (await registry.list(POD_CHECKPOINTS)).items;
}

async function group(): Promise<PodGroupCheckpoint | undefined> {
  try {
    return await registry.get(POD_GROUP_CHECKPOINTS, GROUP);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What the agent writes to the only member. */
async function say(type: 'Ready' | 'Prepared', status: 'True' | 'False', reason: string): Promise<void> {
  const [member] = await members();
  const { namespace, name = '' } = member?.metadata ?? {};
  const conditions = [{ type, status, reason, lastTransitionTime: rfc3339(clock.now()) }];
  const options = { subresource: 'status' } as const;
  await registry.patch(POD_CHECKPOINTS, { namespace, name }, { status: { nodeName: 'n1', conditions } }, options);
}

/** What another replica, whose watches are well, writes to the group. */
async function commit(ready: 'True' | 'False', reason: string): Promise<void> {
  const time = rfc3339(clock.now());
  const conditions = [{ type: 'Ready', status: ready, reason, lastTransitionTime: time }];
  const status = { decision: { verdict: 'Committed', time }, conditions };
  await registry.patch(POD_GROUP_CHECKPOINTS, GROUP, { status }, { subresource: 'status' });
}

test('a group stays although the watch has not told of its members, and goes when the last of them is gone', async () => {
  await say('Ready', 'True', 'CheckpointCompleted');
  await commit('True', 'CheckpointCompleted');
  await clock.advance(60_000);
  assert.notEqual(await group(), undefined);
  assert.deepEqual(
    (await members()).map(({ metadata }) => metadata.deletionTimestamp),
    [undefined],
  );
  const [member] = await members();
  await registry.delete(POD_CHECKPOINTS, { namespace: 'default', name: member?.metadata.name ?? '' });
  await clock.advance(10_000);
  assert.equal(await group(), undefined);
});

test('a deleted group stays until members of which the watch has not told have heard the decision', async () => {
  await say('Prepared', 'True', 'ImagesVerified');
  await commit('False', 'CheckpointInProgress');
  await registry.delete(POD_GROUP_CHECKPOINTS, GROUP);
  await clock.advance(60_000);
  assert.equal((await group())?.status?.decision?.verdict, 'Committed');
  await say('Ready', 'True', 'CheckpointCompleted');
  await clock.advance(10_000);
  assert.equal(await group(), undefined);
});
