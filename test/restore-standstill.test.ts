import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock } from '../src/clock/index.ts';
import { SILENT_LOG } from '../src/model/index.ts';
import { Holds, HostProcesses, holdHook, Returns, unlockTcp } from '../src/runtime/testing.ts';
import { missingForTcp, TcpGround } from './coordination-ground.ts';

const skip = (await missingForTcp()) ?? false;
/** Longer than a peer's kernel takes to send again what was not acknowledged. */
const RESEND_MILLISECONDS = 600;

/** A node whose processes are those of this machine, but for the control groups that a container runtime would have put them in. */
class Node {
  readonly folder = mkdtempSync(join(tmpdir(), 'fermata-node-'));
  readonly hook = join(this.folder, 'hook.sh');
  readonly #proc = join(this.folder, 'proc');
  readonly holds: Holds;
  readonly returns: Returns;

  constructor() {
    const parts = {
      clock: new SystemClock(),
      log: SILENT_LOG,
      processes: new HostProcesses(this.#proc),
      signal: (pid: number, name: 'SIGCONT') => process.kill(pid, name),
      unlock: (pid: number) => unlockTcp('/', this.hook, pid),
    };
    this.holds = new Holds(parts, this.folder);
    this.returns = new Returns(parts, this.folder);
    mkdirSync(this.#proc);
    symlinkSync('/proc/self', join(this.#proc, 'self'));
    writeFileSync(this.hook, holdHook({ folder: join(this.folder, 'run/fermata'), proc: this.#proc }), { mode: 0o700 });
  }

  /** The process is all that a pod's one container has. Gives the UID of the pod. */
  containing(pid: number): string {
    const uid = `010833b9-562c-46ab-a7e0-${String(pid).padStart(12, '0')}`;
    const own = join(this.#proc, String(pid));
    mkdirSync(own);
    writeFileSync(join(own, 'cgroup'), `0::/kubepods/pod${uid}/${containerOf(pid)}\n`);
    for (const name of ['ns', 'net', 'task', 'stat']) symlinkSync(`/proc/${pid}/${name}`, join(own, name));
    return uid;
  }
}

const containerOf = (pid: number): string => String(pid).padStart(64, '0');

test('a client and a server are dumped one after the other, and so restored: nothing is lost, and none runs before both are let go', {
  skip,
}, async () => {
  const node = new Node();
  const ground = await TcpGround.open([0, 1], { hook: node.hook });
  const pids = ground.pids();
  const uids = pids.map((pid) => node.containing(pid));
  try {
    await ground.flow(200);
    // As kubelets dump: what CRIU lets run on behind it is held.
    for (const [rank, member] of ground.members.entries()) {
      await node.holds.request(uids[rank] ?? '', [containerOf(pids[rank] ?? 0)]);
      const options = () => ['--tcp-established', '--leave-running'];
      assert.deepEqual(await ground.dump('one', options, [member]), [0], ground.log('dump', rank, 'one').slice(-2_000));
      await pause(RESEND_MILLISECONDS);
    }
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await ground.untilGone();
    for (const uid of uids) {
      await node.holds.forget(uid);
      await node.returns.request(uid);
    }
    // As pods' networks are: there at once, so that who is not back yet would answer.
    await ground.removeNetwork();
    await ground.makeNetwork();
    await ground.joinNetwork();
    const reached = ground.progress();
    for (const [rank, member] of ground.members.entries()) {
      assert.deepEqual(await ground.restore('one', [member]), [0], ground.log('restore', rank, 'one').slice(-2_000));
      await pause(RESEND_MILLISECONDS);
      assert.equal((await node.returns.back(uids[rank] ?? '')).length, 1);
    }
    assert.deepEqual(ground.progress(), reached, 'none has run');
    for (const uid of uids) await node.returns.release(uid);
    await ground.flow(200);
    const { sent, received } = await ground.settle();
    assert.deepEqual(received, sent);
    assert.deepEqual(ground.errors(), []);
  } finally {
    await ground.close();
    rmSync(node.folder, { recursive: true });
  }
});

test('a dump that does not count leaves a connection as it was', { skip }, async () => {
  const node = new Node();
  const ground = await TcpGround.open([0, 1], { hook: node.hook });
  const [pid = 0] = ground.pids();
  const uid = node.containing(pid);
  try {
    await ground.flow(200);
    await node.holds.request(uid, [containerOf(pid)]);
    const [first] = ground.members;
    assert.ok(first);
    assert.deepEqual(await ground.dump('one', () => ['--tcp-established', '--leave-running'], [first]), [0]);
    await pause(RESEND_MILLISECONDS);
    assert.deepEqual(await node.holds.stopped(uid), [containerOf(pid)]);
    await node.holds.release(uid);
    await ground.flow(200);
    const { sent, received } = await ground.settle();
    assert.deepEqual(received, sent);
    assert.deepEqual(ground.errors(), []);
  } finally {
    await ground.close();
    rmSync(node.folder, { recursive: true });
  }
});
