import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock } from '../../src/clock/index.ts';
import { LeaderElector, type Term } from '../../src/kubernetes/index.ts';
import { LEASES, SILENT_LOG } from '../../src/model/index.ts';
import { connect, withNamespace } from './cluster.ts';

const TIMES = { leaseDurationMilliseconds: 3_000, renewDeadlineMilliseconds: 2_000, retryPeriodMilliseconds: 300 };

test('one of two leads; when its connection is closed the other one takes over, and when it stops gives the lease back', async () => {
  await withNamespace(async (store, namespace) => {
    const terms: string[] = [];
    const ends: Term[] = [];
    const elect = (identity: string) => {
      const own = connect();
      const parts = { store: own, clock: new SystemClock(), random: Math.random, log: SILENT_LOG };
      const elector = new LeaderElector(parts, { namespace, name: 'lock', identity, times: TIMES }, (_store, term) => ({
        start: () => {
          terms.push(identity);
          ends.push(term);
        },
        stop: async () => undefined,
      }));
      elector.start();
      return { elector, own };
    };
    const until = async (holds: () => boolean): Promise<void> => {
      const deadline = performance.now() + 120_000;
      while (!holds()) {
        assert.ok(performance.now() < deadline, `after two minutes: ${JSON.stringify(terms)}`);
        await pause(50);
      }
    };
    const one = elect('one');
    await until(() => terms.length === 1);
    const two = elect('two');
    await pause(2 * TIMES.leaseDurationMilliseconds);
    assert.deepEqual(terms, ['one'], 'a lease that is renewed is not taken');
    assert.equal(ends[0]?.signal.aborted, false);
    await one.own.close();
    await until(() => terms.length === 2);
    assert.equal(ends[0]?.signal.aborted, true, 'the first had given up before the second began');
    assert.equal(ends[1]?.followsUnfinished, true);
    ends[1]?.predecessorSettled();
    await one.elector.stop();
    const held = await store.get(LEASES, { namespace, name: 'lock' });
    assert.equal(held.spec?.holderIdentity, 'two');
    assert.equal(held.spec?.leaseTransitions, 1);
    await two.elector.stop();
    const released = await store.get(LEASES, { namespace, name: 'lock' });
    assert.equal(released.spec?.holderIdentity ?? '', '');
    const three = elect('three');
    await until(() => terms.length === 3);
    assert.equal(ends[2]?.followsUnfinished, false);
    await three.elector.stop();
    await two.own.close();
    await three.own.close();
  });
});
