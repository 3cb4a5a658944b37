import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { MemoryBacking, Registry } from '../../kubernetes/index.ts';
import { type Condition, POD_CHECKPOINTS } from '../../model/index.ts';
import { UnseenOrders } from './unseen-orders.ts';

const KEY = { namespace: 'default', name: 'c1' };
const ORDER = { key: 'default/c1', nodeName: 'n1', victim: { namespace: 'default', name: 'victim', uid: 'u1' } };
const signal = new AbortController().signal;
let store: Registry;
let seen: { checkpoint: boolean; victim: boolean };
let orders: UnseenOrders;

beforeEach(async () => {
  store = new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) });
  await store.create(POD_CHECKPOINTS, {
    metadata: { ...KEY },
    spec: { sourcePod: { name: 'victim' }, postCheckpointState: 'Stopped' },
  });
  seen = { checkpoint: false, victim: false };
  orders = new UnseenOrders(store, { checkpoint: () => seen.checkpoint, victim: () => seen.victim });
  orders.ask(ORDER);
  orders.stands(ORDER);
});

async function becomes(condition: Condition): Promise<void> {
  await store.patch(POD_CHECKPOINTS, KEY, { status: { conditions: [condition] } }, { subresource: 'status' });
}

test('an order that the watch has not told of holds the room on its node, and on no other', async () => {
  assert.equal(await orders.holding('n1', signal), 'default/c1');
  assert.equal(await orders.holding('n2', signal), undefined);
});

test('until the room is released', async () => {
  await becomes({ type: 'Ready', status: 'True', reason: 'CheckpointCompleted' });
  assert.equal(await orders.holding('n1', signal), 'default/c1');
  await becomes({ type: 'Released', status: 'True', reason: 'PodGone' });
  assert.equal(await orders.holding('n1', signal), undefined);
});

test('or the dump has failed', async () => {
  await becomes({ type: 'Ready', status: 'False', reason: 'CheckpointFailed' });
  assert.equal(await orders.holding('n1', signal), undefined);
});

test('or the order is withdrawn', async () => {
  await store.delete(POD_CHECKPOINTS, KEY);
  assert.equal(await orders.holding('n1', signal), undefined);
});

test('the engine holds the room itself when the watch tells of the order before the victim is gone', async () => {
  seen = { checkpoint: true, victim: true };
  orders.told(ORDER.key);
  seen.victim = false;
  assert.equal(await orders.holding('n1', signal), undefined);
  orders.stands(ORDER);
  assert.equal(await orders.holding('n1', signal), undefined, 'its answer comes later and changes nothing');
});

test('an order that the watch tells of when the victim is gone holds the room until it is released', async () => {
  seen.checkpoint = true;
  orders.told(ORDER.key);
  assert.equal(await orders.holding('n1', signal), 'default/c1');
  await becomes({ type: 'Released', status: 'True', reason: 'PodGone' });
  assert.equal(await orders.holding('n1', signal), undefined);
});

test('as long as the victim is seen its room is taken anyway', async () => {
  seen.victim = true;
  assert.equal(await orders.holding('n1', signal), undefined);
  seen.victim = false;
  assert.equal(await orders.holding('n1', signal), 'default/c1');
});

test('an order whose answer has not come holds the room whatever the server has, until it is refused', async () => {
  const unanswered = { ...ORDER, key: 'default/c2', nodeName: 'n2' };
  orders.ask(unanswered);
  assert.equal(await orders.holding('n2', signal), 'default/c2');
  orders.refused(unanswered);
  assert.equal(await orders.holding('n2', signal), undefined);
});

test('asking again for an order that stands takes nothing from it', async () => {
  orders.ask(ORDER);
  orders.refused(ORDER);
  assert.equal(await orders.holding('n1', signal), 'default/c1');
});
