import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { FermataError, type Pod, SILENT_LOG } from '../../model/index.ts';
import { goesOnAtOnce, HeldRestores } from './held-restores.ts';

const IMAGE = '127.0.0.1:1/fermata/7d8ba7b1-221e-42af-a776-841748e768da/c:checkpoint';
let clock: VirtualClock;
let held: HeldRestores;
/** By pod: how many of its containers are back. */
let back: Map<string, number>;
let log: string[];
let failures: number;

beforeEach(() => {
  [clock, back, log, failures] = [new VirtualClock(), new Map(), [], 0];
  held = new HeldRestores({
    clock,
    log: SILENT_LOG,
    returns: {
      request: async (uid) => void log.push(`request ${uid}`),
      pods: async () => ['before'],
      stopped: async () => [],
      back: async (uid) => Array.from({ length: back.get(uid) ?? 0 }, String),
      release: async (uid) => {
        if (failures-- > 0) throw new Error('nft said no');
        log.push(`release ${uid}`);
      },
      forget: async (uid) => void log.push(`forget ${uid}`),
    },
    changed: ({ metadata }) => void log.push(`changed ${metadata.uid}`),
  });
});
afterEach(() => held.stop());

function pod(uid: string, containers: number): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: Array.from({ length: containers }, (_, index) => ({ name: `c${index}`, image: IMAGE })) },
  };
}

test('no container goes on before all of the pod are back', async () => {
  await held.begin(pod('p', 2), undefined);
  back.set('p', 1);
  await clock.advance(600_000);
  assert.deepEqual([held.stateOf('p')?.state, log], ['held', ['request p']]);
  back.set('p', 2);
  await clock.advance(100);
  assert.deepEqual(log, ['request p', 'release p', 'changed p']);
  assert.deepEqual(held.stateOf('p'), { state: 'free', backAt: clock.now() });
});

test('a sidecar comes back too, and what starts from its own image is not waited for', async () => {
  const mixed = pod('p', 1);
  mixed.spec.initContainers = [{ name: 'sidecar', image: IMAGE, restartPolicy: 'Always' }];
  mixed.spec.containers.push({ name: 'new', image: 'busybox' });
  assert.ok(goesOnAtOnce(mixed, undefined));
  await held.begin(mixed, undefined);
  back.set('p', 1);
  await clock.advance(600_000);
  assert.equal(held.stateOf('p')?.state, 'held');
  back.set('p', 2);
  await clock.advance(100);
  assert.equal(held.stateOf('p')?.state, 'free');
});

test('a member of a group that is back goes on when its group does', async () => {
  const group = Promise.withResolvers<void>();
  await held.begin(pod('p', 1), () => group.promise);
  back.set('p', 1);
  await clock.advance(10_000);
  assert.equal(held.stateOf('p')?.state, 'held');
  const backAt = clock.now() - 10_000 + 100;
  group.resolve();
  await clock.advance(0);
  assert.deepEqual(held.stateOf('p'), { state: 'free', backAt });
});

test('one whose group does not come back whole never goes on, and says why', async () => {
  await held.begin(pod('p', 1), () => Promise.reject(new FermataError('RestoreRefused', 'pod q did not come back')));
  back.set('p', 1);
  await clock.advance(100);
  assert.deepEqual(held.stateOf('p'), { state: 'refused', message: 'pod q did not come back' });
  assert.deepEqual(log, ['request p', 'changed p']);
});

test('a member of which not all containers come back in time does not keep its group waiting', async () => {
  await held.begin(pod('p', 2), () => assert.fail('it must not vote'));
  back.set('p', 1);
  await clock.advance(121_000);
  assert.deepEqual(held.stateOf('p'), { state: 'refused', message: '1 of 2 containers were back within 120 s' });
});

test('what may go on and cannot yet is let go later', async () => {
  failures = 2;
  await held.begin(pod('p', 1), async () => undefined);
  back.set('p', 1);
  await clock.advance(1_500);
  assert.equal(held.stateOf('p')?.state, 'held');
  await clock.advance(1_500);
  assert.equal(held.stateOf('p')?.state, 'free');
});

test('a pod that is gone while it is held is not voted for, and an agent that stops lets nobody go', async () => {
  let asked: AbortSignal | undefined;
  const hold = (signal: AbortSignal): Promise<void> => {
    asked = signal;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  await held.begin(pod('p', 1), hold);
  await held.begin(pod('q', 1), hold);
  back.set('p', 1);
  await clock.advance(100);
  await held.forget('p');
  assert.equal(asked?.aborted, true);
  assert.equal(held.stateOf('p'), undefined);
  await held.stop();
  assert.deepEqual(log, ['request p', 'request q', 'forget p']);
});
