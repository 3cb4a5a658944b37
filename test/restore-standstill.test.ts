import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { HostProcesses, holdHook, Returns } from '../src/runtime/testing.ts';
import { missingForTcp, TcpGround } from './coordination-ground.ts';

const skip = (await missingForTcp()) ?? false;
/** Longer than a peer's kernel takes to send again what was not acknowledged. */
const RESEND_MILLISECONDS = 600;

/** A node whose processes are those of this machine, but for the control groups that a container runtime would have put them in. */
class Node {
  readonly folder = mkdtempSync(join(tmpdir(), 'fermata-node-'));
  readonly hook = join(this.folder, 'hook.sh');
  readonly #proc = join(this.folder, 'proc');
  readonly returns = new Returns(
    {
      processes: new HostProcesses(this.#proc),
      signal: (pid, name) => process.kill(pid, name),
      unlock: async (pid) => {
        const env = { ...process.env, CRTOOLS_SCRIPT_ACTION: 'fermata-unlock', CRTOOLS_INIT_PID: String(pid) };
        const { status, stderr } = spawnSync(this.hook, [], { env, encoding: 'utf8' });
        return status === 0 ? undefined : stderr;
      },
    },
    this.folder,
  );

  constructor() {
    mkdirSync(this.#proc);
    symlinkSync('/proc/self', join(this.#proc, 'self'));
    writeFileSync(this.hook, holdHook({ folder: join(this.folder, 'run/fermata'), proc: this.#proc }), { mode: 0o700 });
  }

  /** The process is to be all that a pod's one container has, and to stand still when it comes back. Gives the pod's UID. */
  async expect(pid: number): Promise<string> {
    const uid = `010833b9-562c-46ab-a7e0-${String(pid).padStart(12, '0')}`;
    const own = join(this.#proc, String(pid));
    mkdirSync(own);
    writeFileSync(join(own, 'cgroup'), `0::/kubepods/pod${uid}/${String(pid).padStart(64, '0')}\n`);
    for (const name of ['ns', 'task', 'stat']) symlinkSync(`/proc/${pid}/${name}`, join(own, name));
    await this.returns.request(uid);
    return uid;
  }
}

test('a client and a server are restored one after the other: neither runs, nor resets the other, before both are let go', {
  skip,
}, async () => {
  const node = new Node();
  const ground = await TcpGround.open([0, 1], { hook: node.hook });
  try {
    await ground.flow(200);
    assert.deepEqual(await ground.dump('one'), [0, 0]);
    await ground.untilGone();
    const uids = await Promise.all(ground.pids().map((pid) => node.expect(pid)));
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
