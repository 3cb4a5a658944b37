import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerObservation } from '../../runtime/index.ts';
import { backoffUntil, nextBackoff } from './backoff.ts';
import { type ContainerHistory, historyFrom, withObservation } from './container-history.ts';

const SECOND = 1000;

function seen(state: ContainerObservation['state'], startedAt?: number, exitCode?: number): ContainerObservation {
  return {
    name: 'c',
    id: 'x://1',
    image: 'i',
    state,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exitCode === undefined ? {} : { exitCode, finishedAt: (startedAt ?? 0) + SECOND }),
  };
}

function after(...observations: ContainerObservation[]): ContainerHistory | undefined {
  let history: ContainerHistory | undefined;
  for (const observation of observations) history = withObservation(history, observation);
  return history;
}

test('a container that was only made has no history', () => assert.equal(after(seen('created')), undefined));

test('the first run is no restart, however often it is seen', () =>
  assert.equal(after(seen('created'), seen('running', 5), seen('running', 5), seen('exited', 5, 1))?.restartCount, 0));

test('another start is another run, and the one before is remembered', () => {
  const history = after(seen('running', 5), seen('exited', 5, 3), seen('running', 9_000));
  assert.equal(history?.restartCount, 1);
  assert.equal(history?.previous?.exitCode, 3);
  assert.equal(history?.ended, undefined);
});

test('a restart whose run was never seen running counts too', () =>
  assert.equal(after(seen('exited', 5, 1), seen('exited', 9_000, 1))?.restartCount, 1));

test('a status has whole seconds: the same run is recognised by them', () => {
  const history = historyFrom({
    name: 'c',
    image: 'i',
    imageID: '',
    ready: true,
    restartCount: 2,
    state: { running: { startedAt: '2026-01-01T00:00:01Z' } },
  });
  assert.ok(history);
  const start = Date.UTC(2026, 0, 1, 0, 0, 1);
  assert.equal(withObservation(history, seen('running', start + 400))?.restartCount, 2);
  assert.equal(withObservation(history, seen('running', start + 4000))?.restartCount, 3);
});

test('between two runs the status tells of the last one', () => {
  const terminated = { exitCode: 7, startedAt: '2026-01-01T00:00:01Z', finishedAt: '2026-01-01T00:00:02Z' };
  const history = historyFrom({
    name: 'c',
    image: 'i',
    imageID: '',
    ready: false,
    restartCount: 1,
    state: { waiting: { reason: 'CrashLoopBackOff' } },
    lastState: { terminated },
  });
  assert.equal(history?.ended?.exitCode, 7);
  assert.equal(history?.ended?.finishedAt, Date.UTC(2026, 0, 1, 0, 0, 2));
});

test('the first failure is tried again at once, then after 10 s, doubling to 5 min; a long run begins anew', () => {
  const waits: number[] = [];
  let entry: ReturnType<typeof nextBackoff> | undefined;
  let now = 0;
  for (let failure = 0; failure < 8; failure++) {
    const until = backoffUntil(entry, now);
    waits.push((until - now) / SECOND);
    entry = nextBackoff(entry, now);
    now = until;
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(backoffUntil(entry, now + 3_600_000), now + 3_600_000);
});
