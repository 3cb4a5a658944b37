import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '../src/model/index.ts';
import type { PodmanRuntime } from '../src/runtime/index.ts';
import { begin, missingParts, observed, PodmanGround, perl, run, until } from './podman-ground.ts';

const missing = await missingParts();

/** The pod as the API server has it while it runs: with the ids of its containers. */
async function asServed(runtime: PodmanRuntime, pod: Pod): Promise<Pod> {
  const seen = (await runtime.list()).find(({ uid }) => uid === pod.metadata.uid);
  const containerStatuses = (seen?.containers ?? []).map(({ name, id }) => ({
    ...{ name, image: '', imageID: '', ready: true, restartCount: 0 },
    containerID: id,
    state: { running: {} },
  }));
  return { ...pod, status: { phase: 'Running', containerStatuses } };
}

const IO_URING_SETUP = 425;
/** Of which the kernel has one or another. */
const DEVICES = '"/dev/loop-control", "/dev/fuse", "/dev/kvm"';
/** Without the seccomp profile, which hides io_uring, and with all devices. */
const PRIVILEGED = { securityContext: { privileged: true } };

describe('what a real container has open that CRIU cannot dump', { skip: missing ?? false }, () => {
  let ground: PodmanGround;
  before(async () => {
    ground = await PodmanGround.open();
  });
  after(() => ground.close());

  test('is seen before a dump, and a dump fails by it', async () => {
    const runtime = ground.runtime();
    const rest = 'print "$!\n"; sleep 1 while 1';
    const pods = {
      plain: ground.pod([perl('sleep 1 while 1')]),
      session: ground.pod([perl('sleep 1 while 1')]),
      ring: ground.pod([perl(`my $p = "\\0" x 120; syscall(${IO_URING_SETUP}, 8, $p); ${rest}`, PRIVILEGED)]),
      device: ground.pod([perl(`my $f; for (${DEVICES}) { last if open($f, "+<", $_) } ${rest}`, PRIVILEGED)]),
    };
    for (const one of Object.values(pods)) await begin(runtime, one);
    const { id = '' } = (await observed(runtime, pods.session.pod.metadata.uid)) ?? {};
    const { socket } = ground.place();
    const remote = ['--remote', '--url', `unix://${socket}`];
    await run(ground.tools.podman, [...remote, 'exec', '-d', id.replace('podman://', ''), 'sleep', '600']);
    const served = await Promise.all(Object.values(pods).map(({ pod }) => asServed(runtime, pod)));
    const found = async () => {
      const all = await runtime.hindrances(served);
      return Object.fromEntries(
        Object.entries(pods).map(([name, { pod }]) => [name, all.get(pod.metadata.uid)?.reason]),
      );
    };
    const expected = { plain: undefined, session: undefined, ring: 'IoUring', device: 'Device' };
    await until('both have opened what they open', async () => isDeepStrictEqual(await found(), expected));
    const directory = await ground.directory('checkpoints');
    const failures = { ring: /file that cannot be dumped, such as an io_uring/, device: /chr 10:\d+/ };
    for (const [name, message] of Object.entries(failures)) {
      const options = { directory: `${directory}/${name}`, leaveRunning: true, timeoutMilliseconds: 60_000 };
      const { uid } = pods[name as keyof typeof failures].pod.metadata;
      await assert.rejects(runtime.checkpointPod(uid, options), message);
    }
    const older = { ...expected, session: 'ExecSession' };
    await until('the exec session is old enough to count', async () => isDeepStrictEqual(await found(), older), 30_000);
    for (const { pod } of Object.values(pods)) await runtime.removePod(pod.metadata.uid, 0);
  });
});
