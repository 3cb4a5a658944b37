import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { holdHook, withHook } from './hold-hook.ts';

const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

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

/** A process whose control group, as the hook reads it, is the container's. */
function processOf(container: string): number {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  const own = join(proc, String(child.pid));
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'cgroup'), `0::/kubepods/pod1/${container}\n`);
  return child.pid ?? 0;
}

function request(pod: string, ids: readonly string[]): string {
  const hold = join(folder, 'holds', pod);
  mkdirSync(hold, { recursive: true });
  writeFileSync(join(hold, 'count'), `${ids.length}\n`);
  for (const id of ids) writeFileSync(join(hold, `${id}.requested`), '');
  return hold;
}

/** As CRIU runs it for the container of that process. */
async function run(action: string, pid: number): Promise<number> {
  const env = { PATH: process.env.PATH ?? '', CRTOOLS_SCRIPT_ACTION: action, CRTOOLS_INIT_PID: String(pid) };
  const [status] = await once(spawn(join(folder, 'hook.sh'), [], { env, stdio: 'ignore' }), 'exit');
  return status as number;
}

function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

test('behind the dump every process of the container is stopped, and none of another', async () => {
  const [first, second, foreign] = [processOf(ID), processOf(ID), processOf(OTHER)];
  const hold = request('pod', [ID]);
  assert.equal(await run('post-dump', first), 0);
  // Sent, and acted on a moment later.
  while (!isStopped(first) || !isStopped(second)) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isStopped(foreign), false);
  assert.ok(existsSync(join(hold, `${ID}.stopped`)));
});

test('a container of which nothing was asked runs on', async () => {
  const pid = processOf(ID);
  request('pod', [OTHER]);
  assert.equal(await run('post-dump', pid), 0);
  assert.equal(isStopped(pid), false);
});

test('a request that was withdrawn holds nobody', async () => {
  const pid = processOf(ID);
  const hold = request('pod', [ID]);
  assert.equal(await run('pre-dump', pid), 0);
  rmSync(join(hold, `${ID}.requested`));
  assert.equal(await run('post-dump', pid), 0);
  assert.equal(isStopped(pid), false);
});

test('a request without a whole container id holds nobody, whatever control groups say', async () => {
  const pid = processOf(ID);
  request('pod', ['', 'a', 'kubepods']);
  assert.equal(await run('post-dump', pid), 0);
  assert.equal(isStopped(pid), false);
});

test('no container of a pod is dumped before all of them have come that far', async () => {
  const pids = [processOf(ID), processOf(OTHER)];
  const hold = request('pod', [ID, OTHER]);
  let first: number | undefined;
  const early = run('pre-dump', pids[0] ?? 0).then((status) => {
    first = status;
    return status;
  });
  while (!existsSync(join(hold, `${ID}.reached`))) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(first, undefined);
  assert.equal(await run('pre-dump', pids[1] ?? 0), 0);
  assert.equal(await early, 0);
});

test('what else is configured for CRIU stays, and the hook is named once', () => {
  const once = withHook('tcp-established\naction-script /mine\n', '/run/fermata/criu-hook.sh');
  assert.equal(once, 'tcp-established\naction-script /mine\naction-script /run/fermata/criu-hook.sh\n');
  assert.equal(withHook(once, '/run/fermata/criu-hook.sh'), once);
});
