import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerObservation } from '../runtime.ts';
import { describe as describeContainer, type ListedContainer, type PodmanContainer } from './containers.ts';
import { CONTAINER_LABEL, UID_LABEL } from './labels.ts';
import type { ContainerMarks } from './marks.ts';
import { observeContainer, observePods } from './observation.ts';

const BASE: PodmanContainer = {
  id: 'x',
  uid: 'uid-1',
  namespace: 'ns',
  pod: 'a-pod',
  name: 'main',
  image: 'image:1',
  imageID: 'sha',
  status: 'running',
  pid: 7,
  outOfMemory: false,
};
const ENDED: Partial<PodmanContainer> = { status: 'exited', startedAt: 5, finishedAt: 9, exitCode: 137 };
const DUMP = { directory: '/d', leaveRunning: false };

const CASES: Record<
  string,
  { is: Partial<PodmanContainer>; marks?: ContainerMarks; want: Partial<ContainerObservation> }
> = {
  'a container that ended says how': {
    is: ENDED,
    want: { state: 'exited', exitCode: 137, startedAt: 5, finishedAt: 9 },
  },
  'one that its memory limit ended says so': { is: ENDED, marks: { outOfMemory: true }, want: { reason: 'OOMKilled' } },
  'one that ended behind its dump is frozen': { is: ENDED, marks: { dump: DUMP }, want: { state: 'frozen' } },
  'one that is being dumped still runs': { is: {}, marks: { dump: DUMP }, want: { state: 'running' } },
  'one to be restored is created, whatever of it there is': { is: { restore: '/d' }, want: { state: 'created' } },
  'one that was restored runs since then': {
    is: { restore: '/d' },
    marks: { restoredAt: 42 },
    want: { state: 'running', startedAt: 42 },
  },
  'one that had ended before the dump ended then': {
    is: { restore: '/d', status: 'created', ended: '3:10:20' },
    want: { state: 'exited', exitCode: 3, startedAt: 10, finishedAt: 20, endedBeforeDump: true },
  },
  'one that had ended before the dump and was started since runs, and nothing of it was restored': {
    is: { restore: '/d', status: 'running', startedAt: 30, ended: '3:10:20' },
    want: { state: 'running', startedAt: 30, endedBeforeDump: true },
  },
};

for (const [sentence, { is, marks = {}, want }] of Object.entries(CASES)) {
  test(sentence, () => {
    const seen = observeContainer({ container: { ...BASE, ...is }, marks });
    assert.deepEqual(
      Object.fromEntries(Object.keys(want).map((key) => [key, seen[key as keyof ContainerObservation]])),
      want,
    );
  });
}

test('containers come together to pods, in a fixed order', () => {
  const pods = observePods([
    { container: { ...BASE, name: 'z' }, marks: {} },
    { container: { ...BASE, uid: 'uid-0', pod: 'b-pod' }, marks: {} },
    { container: { ...BASE, name: 'a' }, marks: {}, podIP: '10.0.0.2' },
  ]);
  assert.deepEqual(
    pods.map((pod) => [pod.name, pod.podIP, pod.containers.map(({ name }) => name)]),
    [
      ['a-pod', '10.0.0.2', ['a', 'z']],
      ['b-pod', undefined, ['main']],
    ],
  );
});

test('Go’s zero time is no time, and a start noted after the end is at the end', () => {
  const listed: ListedContainer = {
    Id: 'x',
    Labels: { [UID_LABEL]: 'u', [CONTAINER_LABEL]: 'main' },
    State: 'exited',
    Pid: 0,
    Image: 'i',
    ImageID: 's',
  };
  const state = { Status: 'exited', Pid: 0, ExitCode: 1, OOMKilled: false };
  const graph = { GraphDriver: { Data: { UpperDir: '' } }, Id: 'x', Image: 'i' };
  const late = { ...state, StartedAt: '2026-01-01T00:00:02Z', FinishedAt: '2026-01-01T00:00:01Z' };
  assert.equal(describeContainer(listed, { ...graph, State: late }).startedAt, Date.parse('2026-01-01T00:00:01Z'));
  const never = { ...state, StartedAt: '0001-01-01T00:00:00Z', FinishedAt: '0001-01-01T00:00:00Z' };
  assert.equal(describeContainer(listed, { ...graph, State: never }).startedAt, undefined);
});
