import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingForTcp, TcpGround } from './coordination-ground.ts';

const skip = (await missingForTcp()) ?? false;
const CLIENT_AND_SERVER = [0, 1];
const RING = [0, 0, 0, 1, 1, 1, 2, 2];

async function assertNothingLost(ground: TcpGround): Promise<void> {
  const { sent, received } = await ground.settle();
  assert.deepEqual(received, sent);
  assert.deepEqual(ground.errors(), []);
}

async function dumped(ground: TcpGround, round: string): Promise<void> {
  const statuses = await ground.dump(round);
  assert.deepEqual(
    statuses,
    ground.members.map(() => 0),
    ground.members.map(({ rank }) => tail(ground.log('dump', rank, round))).join('\n---\n'),
  );
  await ground.untilGone();
}

async function restored(ground: TcpGround, round: string): Promise<void> {
  const statuses = await ground.restore(round);
  assert.deepEqual(
    statuses,
    ground.members.map(() => 0),
    ground.members.map(({ rank }) => tail(ground.log('restore', rank, round))).join('\n---\n'),
  );
}

function tail(log: string): string {
  return log
    .split('\n')
    .filter((line) => /Error|Warn|hook|fermata/.test(line))
    .slice(-8)
    .join('\n');
}

test('a client and a server, dumped together under load over established TCP, go on in the same namespaces', {
  skip,
}, async () => {
  const ground = await TcpGround.open(CLIENT_AND_SERVER);
  try {
    await ground.flow(200);
    await dumped(ground, 'one');
    await restored(ground, 'one');
    await ground.flow(200);
    await assertNothingLost(ground);
  } finally {
    await ground.close();
  }
});

test('they go on in namespaces that were recreated under the same addresses', { skip }, async () => {
  const ground = await TcpGround.open(CLIENT_AND_SERVER);
  try {
    await ground.flow(200);
    await dumped(ground, 'one');
    await ground.removeNetwork();
    await ground.makeNetwork();
    await restored(ground, 'one');
    await ground.joinNetwork();
    await ground.flow(200);
    await assertNothingLost(ground);
  } finally {
    await ground.close();
  }
});

test('they change nodes, keeping their addresses, and go on', { skip }, async () => {
  const ground = await TcpGround.open(CLIENT_AND_SERVER);
  try {
    await ground.flow(200);
    await dumped(ground, 'one');
    await ground.removeNetwork();
    await ground.makeNetwork({ swapped: true });
    await restored(ground, 'one');
    await ground.joinNetwork();
    await ground.flow(200);
    await assertNothingLost(ground);
  } finally {
    await ground.close();
  }
});

test('a ring of eight over three namespaces is dumped and restored twice without a message lost', {
  skip,
}, async () => {
  const ground = await TcpGround.open(RING);
  try {
    for (const round of ['one', 'two']) {
      await ground.flow(100);
      await dumped(ground, round);
      await restored(ground, round);
    }
    await ground.flow(100);
    await assertNothingLost(ground);
  } finally {
    await ground.close();
  }
});

test('one of eight cannot be dumped: all eight run on, and nothing is lost', { skip }, async () => {
  const ground = await TcpGround.open(RING);
  try {
    await ground.flow(100);
    // Without the flag CRIU refuses established connections.
    const statuses = await ground.dump('one', (rank) => (rank === 5 ? [] : ['--tcp-established']));
    assert.ok(
      statuses.every((status) => status !== 0),
      `no dump may count: ${statuses.join(' ')}`,
    );
    await ground.flow(100);
    await assertNothingLost(ground);
  } finally {
    await ground.close();
  }
});
