import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../clock/index.ts';
import { RequestGate, type RequestPriority } from './request-gate.ts';

function scene(limits: ConstructorParameters<typeof RequestGate>[1]) {
  const clock = new VirtualClock(0);
  const gate = new RequestGate(clock, limits);
  const entered: string[] = [];
  const ask = (name: string, priority: RequestPriority = 'normal', signal?: AbortSignal): Promise<void> =>
    gate.enter(priority, signal).then(() => {
      entered.push(name);
    });
  return { clock, gate, entered, ask };
}

test('of those that wait, binds come before other requests, and those before status writes', async () => {
  const { clock, gate, entered, ask } = scene({ maxInFlight: 1 });
  const all = [ask('first'), ask('status', 'low'), ask('get'), ask('bind', 'urgent'), ask('bind 2', 'urgent')];
  await clock.advance(0);
  assert.deepEqual(entered, ['first']);
  for (let index = 0; index < all.length; index++) {
    gate.leave();
    await clock.advance(0);
  }
  await Promise.all(all);
  assert.deepEqual(entered, ['first', 'bind', 'bind 2', 'get', 'status']);
});

test('the renewal of a lease waits for nothing, however many binds there are and however few a second are allowed', async () => {
  const { clock, gate, entered, ask } = scene({ maxInFlight: 1, queriesPerSecond: 0.1, burst: 1 });
  const binds = Array.from({ length: 3 }, (_, index) => ask(`bind ${index}`, 'urgent'));
  await ask('lease', 'vital');
  assert.deepEqual(entered, ['bind 0', 'lease']);
  gate.leave();
  await clock.advance(60_000);
  assert.deepEqual(entered, ['bind 0', 'lease'], 'its own end lets nobody in');
  for (const _ of binds) {
    gate.leave();
    await clock.advance(60_000);
  }
  await Promise.all(binds);
  gate.close();
});

test('no more are under way than allowed, and a new one does not pass those of its rank that wait', async () => {
  const { clock, gate, entered, ask } = scene({ maxInFlight: 2 });
  void ask('a');
  void ask('b');
  void ask('c');
  await clock.advance(0);
  assert.deepEqual(entered, ['a', 'b']);
  gate.leave();
  void ask('d');
  await clock.advance(0);
  assert.deepEqual(entered, ['a', 'b', 'c']);
});

test('one that is given up does not hold up the others, and takes no place', async () => {
  const { clock, gate, entered, ask } = scene({ maxInFlight: 1 });
  const abort = new AbortController();
  void ask('a');
  const given = ask('b', 'urgent', abort.signal);
  const last = ask('c');
  abort.abort(new Error('given up'));
  await assert.rejects(given, /given up/);
  gate.leave();
  await last;
  assert.deepEqual(entered, ['a', 'c']);
  await assert.rejects(ask('d', 'normal', abort.signal), /given up/);
  assert.equal(clock.pending, 0);
});

test('with a rate limit a burst goes through at once, and the rest at that rate', async () => {
  const { clock, gate, entered, ask } = scene({ queriesPerSecond: 10, burst: 3 });
  for (let index = 0; index < 8; index++) void ask(String(index)).then(() => gate.leave());
  await clock.advance(0);
  assert.equal(entered.length, 3);
  await clock.advance(205);
  assert.equal(entered.length, 5);
  await clock.advance(400);
  assert.equal(entered.length, 8);
  assert.equal(clock.pending, 0);
});

test('without limits nothing ever waits for time', async () => {
  const { clock, gate, entered, ask } = scene({});
  for (let index = 0; index < 1_000; index++) void ask(String(index)).then(() => gate.leave());
  await clock.advance(0);
  assert.equal(entered.length, 1_000);
});
