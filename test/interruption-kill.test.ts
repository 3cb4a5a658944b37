import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accountSteps, type ClusterObserver, DEMO_NAMESPACE, readOutput, runScenario } from '../src/demo/index.ts';
import { conditionOf, isConditionTrue, PODS, type PodCheckpoint } from '../src/model/index.ts';
import { startTestSandbox, type TestSandbox } from './sandbox-harness.ts';

const STEPS = 60;
const STEP_MILLISECONDS = 20;

interface Names {
  victim: string;
  victimUID: string;
  urgent: string;
}

type Moment = (observer: ClusterObserver, names: Names) => boolean;

const checkpointThat =
  (holds: (checkpoint: PodCheckpoint) => boolean): Moment =>
  (observer, { victimUID }) => {
    const checkpoint = observer.checkpointOf(victimUID);
    return checkpoint !== undefined && holds(checkpoint);
  };
const podOf = (observer: ClusterObserver, name: string) => observer.pod(`${DEMO_NAMESPACE}/${name}`);
const incarnation = (observer: ClusterObserver, { victim, victimUID }: Names) => {
  const pod = podOf(observer, victim);
  return pod?.metadata.uid === victimUID ? undefined : pod;
};

/** The moments of an interruption, in their order; the part is killed when the API shows that one was reached. */
const MOMENTS: Record<string, Moment> = {
  'the preemptor was created': (observer, { urgent }) => podOf(observer, urgent) !== undefined,
  'the checkpoint was ordered': checkpointThat(() => true),
  'the dump began': checkpointThat(
    ({ status }) => conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointInProgress',
  ),
  'the dump was verified': checkpointThat(({ status }) => isConditionTrue(status?.conditions, 'Ready')),
  'the victim was deleted': (observer, { victim, victimUID }) => {
    const pod = podOf(observer, victim);
    return pod?.metadata.uid !== victimUID || pod.metadata.deletionTimestamp !== undefined;
  },
  'the release was confirmed': checkpointThat(({ status }) => isConditionTrue(status?.conditions, 'Released')),
  'the preemptor was bound': (observer, { urgent }) => podOf(observer, urgent)?.spec.nodeName !== undefined,
  'the victim waited suspended': checkpointThat(
    ({ status }) => conditionOf(status?.conditions, 'Restored') !== undefined,
  ),
  'the preemptor ran': (observer, { urgent }) => podOf(observer, urgent)?.status?.phase === 'Running',
  'the preemptor was done': (observer, { urgent }) => podOf(observer, urgent)?.status?.phase === 'Succeeded',
  'the victim was bound again': (observer, names) => incarnation(observer, names)?.spec.nodeName !== undefined,
  'the victim ran again': (observer, names) => incarnation(observer, names)?.status?.phase === 'Running',
};

const PARTS = ['apiserver', 'scheduler', 'controller', 'node'];

let world: TestSandbox;
before(async () => {
  world = await startTestSandbox({ runtime: 'podman', cpu: '1' });
});
after(async () => {
  await world.dispose();
});

for (const part of PARTS) {
  for (const [number, [moment, reached]] of Object.entries(MOMENTS).entries()) {
    test(`${part} killed when ${moment}: every step is done exactly once`, { timeout: 120_000 }, async () => {
      const { sandbox, observer, clock, folder } = world;
      const names = { victimName: `victim-${part}-${number}`, urgentName: `urgent-${part}-${number}` };
      const signal = AbortSignal.timeout(110_000);
      const killing = killAt(part, reached, names, signal);
      const [result] = await Promise.all([
        runScenario(
          {
            store: sandbox.store,
            clock,
            observer,
            signal,
          },
          {
            ...names,
            interruption: 'checkpoint',
            steps: STEPS,
            stepMilliseconds: STEP_MILLISECONDS,
            memoryMebibytes: 8,
            cpu: '1',
            folder,
            urgentSteps: 10,
          },
        ),
        killing,
      ]);
      assert.deepEqual(
        { lost: result.victim.stepsLost, doubled: result.victim.stepsDoubled, completed: result.victim.completed },
        { lost: 0, doubled: 0, completed: true },
      );
      const urgent = accountSteps(await readOutput(join(folder, names.urgentName)), 10);
      assert.deepEqual({ lost: urgent.lost, doubled: urgent.doubled }, { lost: 0, doubled: 0 });
      await Promise.all(
        [names.victimName, names.urgentName].map((name) =>
          sandbox.store.delete(PODS, { namespace: DEMO_NAMESPACE, name }, { gracePeriodSeconds: 1 }),
        ),
      );
    });
  }
}

test('no invariant was violated in all of this', () => {
  assert.deepEqual(world.recorder.violations(), []);
});

async function killAt(
  part: string,
  reached: Moment,
  { victimName, urgentName }: { victimName: string; urgentName: string },
  signal: AbortSignal,
): Promise<void> {
  const { observer } = world;
  const victim = await observer.until('the victim', () => podOf(observer, victimName), signal);
  const names = { victim: victimName, victimUID: victim.metadata.uid, urgent: urgentName };
  await observer.until('the moment to kill', () => (reached(observer, names) ? true : undefined), signal);
  world.kill(part);
}
