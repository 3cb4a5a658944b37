import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Container, PodSpec } from '../src/model/index.ts';
import { DEMO_PROGRAM, type PodmanRuntime } from '../src/runtime/index.ts';
import {
  begin,
  counter,
  logOf,
  missingParts,
  observed,
  PodmanGround,
  perl,
  run as runProgram,
  steps,
  until,
} from './podman-ground.ts';

const missing = await missingParts();

/** Opens an io_uring, whose file CRIU cannot dump, and counts on. */
const IO_URING = 'my $parameters = "\\0" x 120; syscall(425, 4, $parameters) > 0 or die "no io_uring: $!";';
const UNCONFINED = { securityContext: { seccompProfile: { type: 'Unconfined' } } };

describe('podman runtime: checkpoint and restore', { skip: missing ?? false }, () => {
  let ground: PodmanGround;
  let runtime: PodmanRuntime;
  before(async () => {
    ground = await PodmanGround.open();
    runtime = ground.runtime();
  });
  after(() => ground.close());

  const options = (name: string, leaveRunning = false, timeoutMilliseconds = 30_000) => ({
    directory: join(ground.folder, name),
    leaveRunning,
    timeoutMilliseconds,
  });
  const started = async (work: string, more = 3): Promise<number> => {
    const before = await steps(work);
    return until('it counts', async () => (await steps(work)) >= before + more && steps(work));
  };
  const runsOn = async (uid: string, work: string): Promise<void> => {
    assert.equal((await observed(runtime, uid))?.state, 'running');
    await started(work);
  };

  test('a pod goes on from its very next step on another node, in other folders, its checkpoint untouched', async () => {
    const work = await ground.directory('go-on');
    const program = `open(F, ">", "/root-file"); print F "kept"; close F; open(S, ">", "/dev/shm/memory"); print S "kept"; close S; unlink "/etc/group"; ${DEMO_PROGRAM}`;
    const made = ground.pod([{ ...counter({ memoryMebibytes: 8 }), command: ['perl', '-e', program] }], {}, { work });
    const uid = await begin(runtime, made);
    await started(work);
    const where = options('go-on-checkpoint');
    const report = await runtime.checkpointPod(uid, where);
    assert.equal((await observed(runtime, uid))?.state, 'frozen');
    const frozenAt = await steps(work);
    const [dump] = report.containers;
    assert.ok(dump && dump.sizeBytes > 8 << 20 && dump.frozenMicroseconds > 0 && dump.memwriteMicroseconds > 0);
    assert.equal((await stat(where.directory)).mode & 0o777, 0o700);
    const digest = await treeDigest(where.directory);
    await assert.rejects(runtime.startContainer(uid, 'main'), { code: 'ContainerStartFailed' });
    await runtime.removePod(uid, 0);
    assert.equal(await steps(work), frozenAt);

    const elsewhere = ground.runtime({ node: 'node-2' });
    const moved = await ground.directory('moved');
    await writeFile(join(moved, 'steps'), await readFile(join(work, 'steps')));
    const next = ground.next(made, { work: moved });
    await elsewhere.restorePod(next, where.directory);
    const { uid: newUid } = next.pod.metadata;
    await started(moved);
    assert.equal(await steps(work), frozenAt);
    assert.equal((await observed(runtime, newUid))?.state, undefined);
    assert.equal((await observed(elsewhere, newUid))?.state, 'running');
    const log = await logOf(elsewhere, newUid);
    assert.match(log, /^step 1\nstep 2\n/);
    log
      .split('\n')
      .slice(0, -1)
      .forEach((line, index) => {
        assert.equal(line, `step ${index + 1}`);
      });
    assert.equal(await treeDigest(where.directory), digest);
    await elsewhere.restorePod(next, where.directory); // a second call finds it restored
    // A copy: the directory was not used up, and the root file system came back with it.
    await elsewhere.removePod(newUid, 0);
    const again = ground.next(made, { work: moved });
    await elsewhere.restorePod(again, where.directory);
    assert.equal((await observed(elsewhere, again.pod.metadata.uid))?.state, 'running');
    await elsewhere.checkpointPod(again.pod.metadata.uid, options('second-checkpoint'));
    const listing = await runProgram('tar', ['-tf', join(ground.folder, 'second-checkpoint/main/rootfs-diff.tar')]);
    assert.match(listing, /^root-file$/m);
    assert.deepEqual(JSON.parse(await readFile(join(ground.folder, 'second-checkpoint/main/deleted.files'), 'utf8')), [
      '/etc/group',
    ]);
    await elsewhere.removePod(again.pod.metadata.uid, 0);
  });

  test("Podman's work on a dumped container waits until the pod is removed, and is then done", async () => {
    const work = await ground.directory('monitor');
    const uid = await begin(runtime, ground.pod([counter()], {}, { work }));
    await started(work);
    await runtime.checkpointPod(uid, options('monitor-checkpoint'));
    const monitors = async (): Promise<string[]> => {
      const listing = await runProgram('ps', ['-eo', 'stat=,args=']);
      return listing.split('\n').filter((line) => line.includes('/conmon ') && line.includes(`.${uid}.`));
    };
    const [monitor = '', ...others] = await monitors();
    assert.match(monitor, /^T/);
    assert.deepEqual(others, []);
    await runtime.removePod(uid, 0);
    await until('conmon has ended', async () => (await monitors()).length === 0);
  });

  test('a copy is taken of a running pod, which goes on', async () => {
    const work = await ground.directory('copy');
    const made = ground.pod([counter()], {}, { work });
    const uid = await begin(runtime, made);
    await started(work);
    await runtime.checkpointPod(uid, options('copy-checkpoint', true));
    await runsOn(uid, work);
    await runtime.removePod(uid, 0);
  });

  test('two containers with an open connection between them are frozen and thawed as one', async () => {
    const work = await ground.directory('tcp');
    const server = `use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 5555, ReuseAddr => 1) or die; my $c = $l->accept; while (my $line = <$c>) { open(F, ">>", "/work/steps"); syswrite(F, $line); close F; syswrite($c, "ok\\n") } die "connection lost"`;
    const client = `use IO::Socket::INET; my $s; until ($s = IO::Socket::INET->new("127.0.0.1:5555")) { select(undef,undef,undef,0.05) } my $i = 0; while (1) { $i++; syswrite($s, "step $i\\n"); my $ok = <$s> or die "lost"; select(undef,undef,undef,0.02) }`;
    const volumeMounts = [{ name: 'work', mountPath: '/work' }];
    const made = ground.pod([perl(server, { volumeMounts }), perl(client)], {}, { work });
    const uid = await begin(runtime, made);
    await started(work);
    const where = options('tcp-checkpoint');
    const report = await runtime.checkpointPod(uid, where);
    assert.deepEqual(report.containers.map(({ name }) => name).sort(), ['main', 'side-1']);
    const at = await steps(work);
    await runtime.removePod(uid, 0);
    const next = ground.next(made);
    await runtime.restorePod(next, where.directory);
    await started(work);
    assert.ok((await steps(work)) > at);
    for (const name of ['main', 'side-1'])
      assert.equal((await observed(runtime, next.pod.metadata.uid, name))?.state, 'running');
    await runtime.removePod(next.pod.metadata.uid, 0);
  });

  test('a container that had ended before the dump has ended after the restore', async () => {
    const work = await ground.directory('ended');
    const made = ground.pod([counter(), perl('exit 5')], {}, { work });
    const uid = await begin(runtime, made);
    const end = await until('the second ends', async () => {
      const seen = await observed(runtime, uid, 'side-1');
      return seen?.state === 'exited' && seen;
    });
    const where = options('ended-checkpoint');
    await runtime.checkpointPod(uid, where);
    await runtime.removePod(uid, 0);
    const next = ground.next(made);
    await runtime.restorePod(next, where.directory);
    const seen = await observed(runtime, next.pod.metadata.uid, 'side-1');
    assert.deepEqual([seen?.state, seen?.exitCode, seen?.finishedAt], ['exited', 5, end.finishedAt]);
    await started(work);
    await runtime.removePod(next.pod.metadata.uid, 0);
  });

  test('a process with an io_uring cannot be dumped: it runs on, CRIU’s reason is given, nothing is left', async () => {
    const work = await ground.directory('io-uring');
    const program = `${IO_URING} ${DEMO_PROGRAM}`;
    const uid = await begin(
      runtime,
      ground.pod([{ ...counter({}, UNCONFINED), command: ['perl', '-e', program] }], {}, { work }),
    );
    await started(work);
    const where = options('io-uring-checkpoint');
    const error: unknown = await runtime.checkpointPod(uid, where).catch((caught) => caught);
    assert.ok(error instanceof Error && 'code' in error && error.code === 'DumpFailed');
    assert.match(error.message, /io_uring|send_fds|anon_inode/i);
    assert.doesNotMatch(error.message, /RLIMIT_NOFILE/);
    assert.ok(!existsSync(where.directory));
    await runsOn(uid, work);
    await runtime.removePod(uid, 0);
  });

  test('when one container of a pod cannot be dumped, the other runs on too', async () => {
    const work = await ground.directory('one-of-two');
    const second = perl(`${IO_URING} sleep 1 while 1`, UNCONFINED);
    const uid = await begin(runtime, ground.pod([counter(), second], {}, { work }));
    await started(work);
    await assert.rejects(runtime.checkpointPod(uid, options('one-of-two-checkpoint')), {
      code: 'DumpFailed',
      message: /side-1/,
    });
    await runsOn(uid, work);
    assert.equal((await observed(runtime, uid, 'side-1'))?.state, 'running');
    assert.ok(!existsSync(join(ground.folder, 'one-of-two-checkpoint')));
    await runtime.removePod(uid, 0);
  });

  test('a disk full while dumping leaves the pod running and says so', async () => {
    const work = await ground.directory('full');
    const uid = await begin(runtime, ground.pod([counter({ memoryMebibytes: 32 })], {}, { work }));
    await started(work);
    const small = await ground.directory('small-disk');
    await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small]);
    try {
      const where = { ...options(''), directory: join(small, 'checkpoint') };
      await assert.rejects(runtime.checkpointPod(uid, where), { code: 'DumpFailed', message: /No space left/ });
      assert.deepEqual(await readdir(small), []);
      await runsOn(uid, work);
    } finally {
      await runProgram('umount', [small]);
    }
    await runtime.removePod(uid, 0);
  });

  test('without CRIU nothing is frozen, and the next step is said', async () => {
    const work = await ground.directory('no-criu');
    const bare = ground.runtime({ tools: { ...ground.tools, criuDirectory: '/nonexistent' } });
    const uid = await begin(bare, ground.pod([counter()], {}, { work }));
    await started(work);
    await assert.rejects(bare.checkpointPod(uid, options('no-criu-checkpoint')), {
      code: 'CheckpointUnsupported',
      message: /CRIU is missing/,
    });
    await runsOn(uid, work);
    await runtime.removePod(uid, 0);
  });

  test('a CRIU that fails at once leaves the pod running', async () => {
    const work = await ground.directory('bad-criu');
    const folder = await ground.directory('bad-criu-bin');
    await writeFile(join(folder, 'criu'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const bad = ground.runtime({ tools: { ...ground.tools, criuDirectory: folder } });
    const uid = await begin(bad, ground.pod([counter()], {}, { work }));
    await started(work);
    await assert.rejects(bad.checkpointPod(uid, options('bad-criu-checkpoint')), { code: 'DumpFailed' });
    await runsOn(uid, work);
    await runtime.removePod(uid, 0);
  });

  test('a dump that takes too long is cut off, at any moment, and the pod runs on', async () => {
    const work = await ground.directory('slow');
    const uid = await begin(runtime, ground.pod([counter({ memoryMebibytes: 96 })], {}, { work }));
    await started(work);
    for (const milliseconds of [1, 60, 120, 180]) {
      const where = options(`slow-${milliseconds}`, false, milliseconds);
      await assert.rejects(runtime.checkpointPod(uid, where), { code: 'DumpTimeout' });
      assert.ok(!existsSync(where.directory));
      await runsOn(uid, work);
    }
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('told to stop')), 100);
    await assert.rejects(runtime.checkpointPod(uid, { ...options('aborted'), signal: stop.signal }), {
      message: 'told to stop',
    });
    await runsOn(uid, work);
    await runtime.removePod(uid, 0);
  });

  test('recovered while its large victim is still dying, a dump counts', async () => {
    const work = await ground.directory('dying');
    const uid = await begin(runtime, ground.pod([counter({ memoryMebibytes: 512 })], {}, { work }));
    await started(work);
    const where = options('dying-checkpoint');
    await runtime.checkpointPod(uid, where);
    const frozenAt = await steps(work);
    assert.equal(await runtime.recoverDump(uid, where), 'dumped');
    assert.ok(existsSync(where.directory));
    assert.equal(await steps(work), frozenAt);
    await runtime.removePod(uid, 0);
  });

  test('a pod that does not run cannot be dumped', async () => {
    await assert.rejects(runtime.checkpointPod('uid-none', options('none')), { code: 'PodNotRunning' });
    assert.ok(!existsSync(join(ground.folder, 'none')));
  });

  for (const [sentence, spoil] of Object.entries({
    'truncated memory pages': (folder: string) => truncate(join(folder, 'main/checkpoint/pages-1.img'), 4096),
    'a missing image': (folder: string) => rm(join(folder, 'main/checkpoint/pstree.img')),
    'a record that is missing': (folder: string) => rm(join(folder, 'pod.dump')),
  })) {
    test(`a checkpoint with ${sentence} is refused with a reason, and nothing of the pod is left`, async () => {
      const work = await ground.directory(`spoilt-${sentence}`);
      const made = ground.pod([counter({ memoryMebibytes: 4 })], {}, { work });
      const uid = await begin(runtime, made);
      await started(work);
      const where = options(`spoilt-checkpoint-${sentence}`);
      await runtime.checkpointPod(uid, where);
      await runtime.removePod(uid, 0);
      await spoil(where.directory);
      const at = await steps(work);
      const next = ground.next(made);
      const error: unknown = await runtime.restorePod(next, where.directory).catch((caught) => caught);
      assert.ok(error instanceof Error && 'code' in error && error.code === 'RestoreFailed', String(error));
      assert.doesNotMatch(error.message, /RLIMIT_NOFILE|exit status/);
      assert.equal(
        (await runtime.list()).find((pod) => pod.uid === next.pod.metadata.uid),
        undefined,
      );
      assert.equal(await steps(work), at);
    });
  }

  for (const [sentence, { container, spec, network }] of Object.entries<{
    container?: Partial<Container>;
    spec?: Partial<PodSpec>;
    network?: 'bridge';
  }>({
    'on a bridge': { network: 'bridge' },
    'on the host’s network': { spec: { hostNetwork: true } },
    'with a terminal': { container: { tty: true, stdin: true } },
    'with a read-only root and no capabilities': {
      container: { securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } },
    },
    'with all privileges': { container: { securityContext: { privileged: true } } },
    'with limits, which hold as before': { container: { resources: { limits: { cpu: '500m', memory: '64Mi' } } } },
  })) {
    test(`a pod ${sentence} goes on after its restore`, async () => {
      const node = ground.runtime({ node: 'other', ...(network && { network }) });
      const work = await ground.directory(`shape ${sentence}`);
      const made = ground.pod([counter({}, container)], spec, { work });
      const uid = await begin(node, made);
      await started(work);
      const where = options(`shape-checkpoint ${sentence}`);
      await node.checkpointPod(uid, where);
      const at = await steps(work);
      await node.removePod(uid, 0);
      const next = ground.next(made);
      await node.restorePod(next, where.directory);
      await until('it goes on', async () => (await steps(work)) > at + 3);
      if (container?.resources !== undefined) {
        const id = (await observed(node, next.pod.metadata.uid))?.id.replace('podman://', '');
        const groups = `/sys/fs/cgroup/{memory,}${ground.service.layout.cgroupParent}/other/libpod-${id}`;
        const limit = await runProgram('bash', ['-c', `cat ${groups}/memory.{limit_in_bytes,max} 2>/dev/null || true`]);
        assert.equal(limit.trim(), String(64 << 20));
      }
      await node.removePod(next.pod.metadata.uid, 0);
    });
  }

  test('a volume behind a symbolic link can be dumped and restored', async () => {
    const work = await ground.directory('linked');
    await symlink(work, join(ground.folder, 'linked-link'));
    const made = ground.pod([counter()], {}, { work: join(ground.folder, 'linked-link') });
    const uid = await begin(runtime, made);
    await started(work);
    await runtime.checkpointPod(uid, options('linked-checkpoint'));
    await runtime.removePod(uid, 0);
    const next = ground.next(made);
    await runtime.restorePod(next, join(ground.folder, 'linked-checkpoint'));
    await started(work);
    await runtime.removePod(next.pod.metadata.uid, 0);
  });
});

async function treeDigest(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(folder, { recursive: true, withFileTypes: true })).sort((one, other) =>
    join(one.parentPath, one.name) < join(other.parentPath, other.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    hash.update(path);
    if (entry.isFile()) hash.update(await readFile(path));
  }
  return hash.digest('hex');
}
