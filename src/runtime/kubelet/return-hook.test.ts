import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { holdHook } from './hold-hook.ts';

const POD = '010833b9-562c-46ab-a7e0-2ff0b57235ef';
const ID = 'a'.repeat(64);

let folder: string;
let proc: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-hook-'));
  proc = join(folder, 'proc');
  children = [];
  writeFileSync(join(folder, 'hook.sh'), holdHook({ folder, proc }), { mode: 0o700 });
});
afterEach(async () => {
  for (const child of children) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true });
});

/** A process in that control group, with these children, as the hook reads it. */
function processOf(cgroup: string, descendants: readonly number[] = []): number {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  const own = join(proc, String(child.pid));
  mkdirSync(join(own, 'task', String(child.pid)), { recursive: true });
  writeFileSync(join(own, 'cgroup'), `0::${cgroup}\n`);
  writeFileSync(join(own, 'task', String(child.pid), 'children'), descendants.join(' '));
  return child.pid ?? 0;
}

function request(pod: string): string {
  const asked = join(folder, 'returns', pod);
  mkdirSync(asked, { recursive: true });
  return asked;
}

/** As CRIU runs it when it restores that process. */
async function run(action: string, pid: number): Promise<number> {
  const env = { PATH: process.env.PATH ?? '', CRTOOLS_SCRIPT_ACTION: action, CRTOOLS_INIT_PID: String(pid) };
  const [status] = await once(spawn(join(folder, 'hook.sh'), [], { env, stdio: 'ignore' }), 'exit');
  return status as number;
}

function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

for (const [driver, cgroup] of Object.entries({
  cgroupfs: `/kubepods/pod${POD}/${ID}`,
  systemd: `/kubepods.slice/kubepods-pod${POD.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope`,
})) {
  test(`what is restored of a pod that goes on at once comes back stopped (${driver})`, async () => {
    const grandchild = processOf(cgroup);
    const child = processOf(cgroup, [grandchild]);
    const [other, first] = [processOf(cgroup), processOf(cgroup, [child])];
    const asked = request(POD);
    assert.equal(await run('post-restore', first), 0);
    assert.equal(isStopped(first), false, 'CRIU is not done with it');
    assert.equal(await run('pre-resume', first), 0);
    // Sent, and acted on a moment later.
    while (![first, child, grandchild].every(isStopped)) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isStopped(other), false, 'CRIU itself is in that control group');
    assert.ok(existsSync(join(asked, `${ID}.back`)));
  });
}

test('a pod of which nothing was asked, or that was let go already, runs on', async () => {
  const pid = processOf(`/kubepods/pod${POD}/${ID}`);
  request(POD.replace('0', '1'));
  writeFileSync(join(request(POD), 'released'), '');
  assert.equal(await run('pre-resume', pid), 0);
  assert.equal(isStopped(pid), false);
});

test('without a whole container id nothing is stopped', async () => {
  const pid = processOf(`/kubepods/pod${POD}/abc`);
  const asked = request(POD);
  assert.notEqual(await run('pre-resume', pid), 0);
  assert.equal(isStopped(pid), false);
  assert.equal(existsSync(join(asked, 'abc.back')), false);
});
