import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bench } from './testing.ts';

const G = { session: 'job', group: 'ranks' };
const DUMP = ['pre-dump', 'network-lock', 'post-dump'] as const;
const RESTORE = ['pre-restore', 'post-restore'] as const;

function named(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `rank-${index}`);
}

function all(bench: Bench, members: readonly string[], action: string): Promise<string>[] {
  return members.map((id) => bench.ask({ ...G, id, action, members: members.length }));
}

for (const count of [1, 2, 3, 100, 1000]) {
  test(`a group of ${count} passes every hook of a dump and of a restore together`, async () => {
    const bench = new Bench();
    const members = named(count);
    for (const action of [...DUMP, 'network-unlock', ...RESTORE, 'network-unlock', 'post-resume']) {
      const replies = await bench.within(0, all(bench, members, action));
      assert.deepEqual(new Set(replies), new Set(['ACK']), action);
    }
    assert.equal(bench.coordinator.status().groups[0]?.verdict, 'Committed');
    assert.equal(bench.clock.pending, 0, 'no timer is left');
  });
}

/** Every hook that has a barrier, and those that come before it. */
const BARRIERS = [DUMP, RESTORE].flatMap((hooks) =>
  hooks.map((hook, stage) => ({ hook, earlier: hooks.slice(0, stage) })),
);

for (const count of [2, 3, 100]) {
  for (const { hook, earlier } of BARRIERS) {
    const members = named(count);
    const last = members.at(-1) ?? '';
    const others = members.slice(0, -1);
    const before = async (bench: Bench): Promise<void> => {
      for (const action of earlier) await bench.within(0, all(bench, members, action));
    };
    const rest = (bench: Bench) =>
      others.map((id) => bench.ask({ ...G, id, action: hook, members: count, dependencies: '' }));

    test(`${count} members, one missing at ${hook}: all are refused when its time is over, by name`, async () => {
      const bench = new Bench({ hookMilliseconds: { [hook]: 7_000 } });
      await bench.within(0, [bench.ask({ id: 'fermata', action: 'add-group', ...G, members })]);
      await before(bench);
      const waiting = rest(bench);
      assert.deepEqual(new Set(await bench.within(6_999, waiting)), new Set(['still waiting']));
      const want = `aborted: ${hook} waited 7 s in vain for ${last}`;
      assert.deepEqual(new Set(await bench.within(1, waiting)), new Set([want]));
    });

    test(`${count} members, one late at ${hook}: all pass`, async () => {
      const bench = new Bench();
      await before(bench);
      const waiting = rest(bench);
      await bench.within(29_000, waiting);
      const late = bench.ask({ ...G, id: last, action: hook, members: count });
      assert.deepEqual(new Set(await bench.within(0, [...waiting, late])), new Set(['ACK']));
    });

    test(`${count} members, one fails before ${hook}: all are refused at once`, async () => {
      const bench = new Bench();
      await before(bench);
      const waiting = rest(bench);
      const failed = bench.ask({ ...G, id: last, action: 'abort', reason: 'no disk', members: count });
      const replies = await bench.within(0, [...waiting, failed]);
      // Of a group whose members are known by number only, one that never came is nobody yet: it is just missing.
      assert.deepEqual(new Set(replies), new Set([`aborted: ${last} failed: no disk`, 'ACK']));
    });

    test(`${count} members, one dies while it waits at ${hook}: a second later all are refused, by name`, async () => {
      const bench = new Bench();
      await before(bench);
      const [victim = '', ...living] = others;
      const dying = new AbortController();
      const doomed = bench.ask({ ...G, id: victim, action: hook, members: count }, dying.signal);
      const waiting = living.map((id) => bench.ask({ ...G, id, action: hook, members: count }));
      await bench.within(0, [doomed]);
      dying.abort();
      await bench.within(1_000, waiting);
      // At its first hook it would begin the next round.
      const late = earlier.length === 0 ? [] : [bench.ask({ ...G, id: last, action: hook, members: count })];
      const replies = new Set(await bench.within(0, [...waiting, ...late]));
      if (replies.size > 0) assert.deepEqual(replies, new Set([`aborted: ${victim} is gone since ${hook}`]));
    });

    test(`${count} members, one of two connections of a member ends at ${hook}: it is not dead for that`, async () => {
      const bench = new Bench();
      await before(bench);
      const dying = new AbortController();
      const waiting = rest(bench);
      const [victim = ''] = others;
      const doomed = bench.ask({ ...G, id: victim, action: hook, members: count }, dying.signal);
      await bench.within(0, [doomed]);
      dying.abort();
      const stillThere = await bench.within(2_000, waiting);
      assert.deepEqual(new Set(stillThere), new Set(['still waiting']));
    });

    test(`${count} members, a stranger at ${hook} changes nothing`, async () => {
      const bench = new Bench();
      await bench.within(0, [bench.ask({ id: 'fermata', action: 'add-group', ...G, members })]);
      await before(bench);
      const waiting = rest(bench);
      const stranger = bench.ask({ ...G, id: 'stranger', action: hook });
      assert.deepEqual((await bench.within(0, [stranger]))[0], 'not connected');
      const own = bench.ask({ ...G, id: last, action: hook });
      assert.deepEqual(new Set(await bench.within(0, [...waiting, own])), new Set(['ACK']));
    });
  }
}

test('a member whose connection ends while it waits, and that does not come again, aborts the dump for all', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B', 'C'], 'pre-dump'));
  const dying = new AbortController();
  const doomed = bench.ask({ ...G, id: 'A', action: 'post-dump' }, dying.signal);
  const waiting = bench.ask({ ...G, id: 'B', action: 'post-dump' });
  dying.abort();
  assert.deepEqual(await bench.within(1_000, [doomed, waiting]), ['', 'aborted: A is gone since post-dump']);
  const late = bench.ask({ ...G, id: 'C', action: 'post-dump' });
  assert.deepEqual(await bench.within(0, [late]), ['aborted: A is gone since post-dump']);
});

test('one that was cut off and comes again within a second has lost nothing', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  const cut = new AbortController();
  void bench.ask({ ...G, id: 'A', action: 'post-dump' }, cut.signal);
  cut.abort();
  await bench.clock.advance(900);
  const again = bench.ask({ ...G, id: 'A', action: 'post-dump' });
  await bench.clock.advance(10_000);
  const other = bench.ask({ ...G, id: 'B', action: 'post-dump' });
  assert.deepEqual(await bench.within(0, [again, other]), ['ACK', 'ACK']);
});

test('a lying member that claims post-dump without pre-dump is refused, and does not count', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  await bench.within(0, all(bench, ['A', 'B'], 'post-dump'));
  const [lie] = await bench.within(0, [bench.ask({ ...G, id: 'A', action: 'post-restore' })]);
  assert.equal(lie, 'not connected');
  const begun = bench.ask({ ...G, id: 'B', action: 'pre-dump' });
  const early = bench.ask({ ...G, id: 'A', action: 'post-dump' });
  assert.deepEqual(await bench.within(0, [begun, early]), ['still waiting', 'not connected']);
});

test('network-unlock before post-dump tells that the dump has failed: all run on', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  const waiting = bench.ask({ ...G, id: 'A', action: 'post-dump' });
  const unlock = bench.ask({ ...G, id: 'B', action: 'network-unlock' });
  assert.deepEqual(await bench.within(0, [waiting, unlock]), ['aborted: the dump of B failed', 'ACK']);
});

test('a member without a network namespace of its own runs no network-lock, and nobody waits for it there', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['own', 'host'], 'pre-dump'));
  const lock = bench.ask({ ...G, id: 'own', action: 'network-lock' });
  const dumped = bench.ask({ ...G, id: 'host', action: 'post-dump' });
  assert.deepEqual(await bench.within(0, [lock, dumped]), ['ACK', 'still waiting']);
});

test('after an aborted dump the next one is a new round', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  await bench.within(0, [bench.ask({ ...G, id: 'A', action: 'abort' })]);
  for (const action of DUMP) {
    assert.deepEqual(await bench.within(0, all(bench, ['A', 'B'], action)), ['ACK', 'ACK'], action);
  }
});

test('a coordinator killed between the barriers goes on where it was, with the same clock', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  const lost = bench.ask({ ...G, id: 'A', action: 'post-dump' });
  await bench.clock.advance(20_000);
  bench.restart();
  assert.equal(await lost, '');
  const again = bench.ask({ ...G, id: 'A', action: 'post-dump' });
  assert.deepEqual(await bench.within(9_999, [again]), ['still waiting']);
  assert.deepEqual(await bench.within(1, [again]), ['aborted: post-dump waited 30 s in vain for B']);
});

test('who lost the answer to a committed dump is told the same again, also by a new coordinator', async () => {
  const bench = new Bench();
  await bench.within(0, all(bench, ['A', 'B'], 'pre-dump'));
  await bench.within(0, all(bench, ['A', 'B'], 'post-dump'));
  bench.restart();
  assert.deepEqual(await bench.within(0, [bench.ask({ ...G, id: 'A', action: 'post-dump' })]), ['ACK']);
});

test('tokens admit to one session, as one member, for a time', async () => {
  const { issueToken } = await import('./tokens.ts');
  const bench = new Bench({ secret: 's3cret' });
  const expiresAtSeconds = bench.clock.now() / 1000 + 60;
  const token = issueToken('s3cret', { session: 'job', member: 'A', expiresAtSeconds });
  const any = issueToken('s3cret', { session: 'job', expiresAtSeconds });
  const hook = { ...G, action: 'pre-dump', members: 1 };
  const ask = async (fields: Record<string, unknown>) =>
    (await bench.within(0, [bench.ask({ ...hook, ...fields })]))[0];
  assert.equal(await ask({ id: 'A' }), 'not admitted');
  assert.equal(await ask({ id: 'A', token }), 'ACK');
  assert.equal(await ask({ id: 'B', token }), 'not admitted', 'of another member');
  assert.equal(await ask({ id: 'B', token: any, session: 'job', group: 'g2' }), 'ACK');
  assert.equal(await ask({ id: 'A', token, session: 'other' }), 'not admitted', 'replayed in another session');
  assert.equal(await ask({ id: 'A', token: `v1.9999999999.${token.split('.')[2]}` }), 'not admitted', 'prolonged');
  await bench.clock.advance(60_000);
  assert.equal(await ask({ id: 'A', token }), 'not admitted', 'replayed later');
});
