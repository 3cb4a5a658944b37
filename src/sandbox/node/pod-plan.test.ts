import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../model/index.ts';
import type { ContainerObservation, PodObservation } from '../../runtime/index.ts';
import type { Ended } from './container-history.ts';
import { type PodPlan, planPod } from './pod-plan.ts';
import { looksRestored, type PodState } from './pod-state.ts';
import { podStatus } from './pod-status.ts';

const RESTORED: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { 'fermata.dev/restore-from': 'c1' },
  },
  spec: { containers: [{ name: 'main', image: 'i' }], restartPolicy: 'OnFailure' },
};

/** What a node process knows of a restored pod right after its own start. */
const STATE: PodState = {
  startTime: 0,
  histories: new Map(),
  startFailures: new Map(),
  backoffs: new Map(),
  created: false,
  restored: 'yes',
} as unknown as PodState;

function shows(state: ContainerObservation['state'], exitCode?: number): PodObservation {
  const container = { name: 'main', id: 'x', image: 'i', state, ...(exitCode === undefined ? {} : { exitCode }) };
  return { uid: 'u', namespace: 'default', name: 'p', containers: [container] };
}

const cases: Record<string, { observed: PodObservation | undefined; wants: PodPlan['action'] }> = {
  'a pod that runs again after its restore is left alone': { observed: shows('running'), wants: 'none' },
  'one that crashed is cleared, to be restored again': { observed: shows('exited', 1), wants: 'clear' },
  'one that ended is over': { observed: shows('exited', 0), wants: 'none' },
  'a second restore that was cut off is joined': { observed: shows('created'), wants: 'restore' },
  'one of which nothing is left is restored again': { observed: undefined, wants: 'restore' },
};

for (const [name, { observed, wants }] of Object.entries(cases)) {
  test(name, () => {
    assert.equal(planPod(RESTORED, observed, STATE, 1_000_000).action, wants);
  });
}

const anew: Record<string, { observed: PodObservation | undefined; wants: PodPlan }> = {
  'one that crashed under a policy of images starts anew': {
    observed: shows('exited', 1),
    wants: { action: 'start', containers: ['main'] },
  },
  'which is no word on one whose machine went down': { observed: undefined, wants: { action: 'restore', again: true } },
  'nor on one that ended': { observed: shows('exited', 0), wants: { action: 'none' } },
};

for (const [name, { observed, wants }] of Object.entries(anew)) {
  test(name, () => {
    assert.deepEqual(planPod(RESTORED, observed, { ...STATE, imagePolicy: 'service' }, 1_000_000), wants);
  });
}

const LOST = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container was running and is gone: the machine or its container engine went down.',
};

const lost: Record<
  string,
  { ended: Ended; observed: PodObservation | undefined; wants: PodPlan['action']; phase: string }
> = {
  'a pod whose loss was told before the node was started again is restored again': {
    ended: LOST,
    observed: undefined,
    wants: 'restore',
    phase: 'Running',
  },
  'and its restore is joined when that is under way': {
    ended: LOST,
    observed: shows('created'),
    wants: 'restore',
    phase: 'Running',
  },
  'one that ended is over, though its containers are gone': {
    ended: { exitCode: 0, reason: 'Completed' },
    observed: undefined,
    wants: 'none',
    phase: 'Succeeded',
  },
};

for (const [name, { ended, observed, wants, phase }] of Object.entries(lost)) {
  test(`${name}, whatever its restart policy`, () => {
    const pod = { ...RESTORED, spec: { ...RESTORED.spec, restartPolicy: 'Never' as const } };
    const state = { ...STATE, histories: new Map([['main', { restartCount: 0, exact: false, ended }]]) };
    assert.equal(planPod(pod, observed, state, 1_000_000).action, wants);
    assert.equal(podStatus(pod, observed, state, 1_000_000).phase, phase);
  });
}

type Seen = Partial<ContainerObservation> & Pick<ContainerObservation, 'state'>;

/** A container that was killed before the dump, beside the one that was dumped. */
function beside(main: Seen): { pod: Pod; observed: PodObservation } {
  const base = { id: 'x', image: 'i' };
  const side: ContainerObservation = { ...base, name: 'side', state: 'exited', exitCode: 137, endedBeforeDump: true };
  return {
    pod: {
      ...RESTORED,
      spec: { ...RESTORED.spec, containers: ['main', 'side'].map((name) => ({ name, image: 'i' })) },
    },
    observed: { uid: 'u', namespace: 'default', name: 'p', containers: [{ ...base, name: 'main', ...main }, side] },
  };
}

const besides: Record<string, { main: Seen; restored?: 'no'; wants: PodPlan['action']; looks: boolean }> = {
  'a first restore is joined, though a container had ended before the dump': {
    main: { state: 'created' },
    restored: 'no',
    wants: 'restore',
    looks: false,
  },
  'a second one likewise': { main: { state: 'created' }, wants: 'restore', looks: false },
  'one that was killed with its machine is cleared': {
    main: { state: 'exited', exitCode: 137 },
    restored: 'no',
    wants: 'clear',
    looks: false,
  },
  'what had failed before the dump starts anew beside what runs': {
    main: { state: 'running' },
    wants: 'start',
    looks: true,
  },
  'and beside what has ended': { main: { state: 'exited', exitCode: 0 }, wants: 'start', looks: true },
  'what ran out of memory after its restore had been restored': {
    main: { state: 'exited', exitCode: 137, reason: 'OOMKilled' },
    wants: 'clear',
    looks: true,
  },
};

for (const [name, { main, restored, wants, looks }] of Object.entries(besides)) {
  test(name, () => {
    const { pod, observed } = beside(main);
    const state = restored === undefined ? STATE : { ...STATE, restored };
    assert.equal(planPod(pod, observed, state, 1_000_000).action, wants);
    assert.equal(looksRestored(pod, observed), looks);
  });
}
