import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingForTcp } from '../coordination-ground.ts';
import { MpiGround } from './mpi-ground.ts';

const skip = (await missingForTcp()) ?? false;
const HOSTS = 3;

test('a ring of MPI ranks over TCP, on hosts that are dumped as a group and made anew, goes on with the right numbers', {
  skip,
}, async () => {
  const ground = await MpiGround.open(HOSTS);
  try {
    const none = ground.hosts.map(() => 0);
    await ground.startRing();
    for (const _ of ['once', 'twice']) {
      assert.deepEqual(await ground.dump(), none, ground.logs('dump'));
      await ground.removeHosts();
      await ground.makeHosts();
      assert.deepEqual(await ground.restore(), none, ground.logs('restore'));
      await ground.joinHosts();
      await ground.flow(20);
    }
    const ends = await ground.settle();
    const [rounds = 0] = ends[0] ?? [];
    // Each rank r sends round * 1000 + r.
    const sum = (HOSTS * 1_000 * rounds * (rounds + 1)) / 2 + (rounds * HOSTS * (HOSTS - 1)) / 2;
    assert.deepEqual(
      ends,
      ground.hosts.map(() => [rounds, sum]),
    );
  } finally {
    await ground.close();
  }
});
