import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { HostProcesses } from './host-processes.ts';
import { Returns } from './returns.ts';

const UID = '010833b9-562c-46ab-a7e0-2ff0b57235ef';
const [LEFT, RIGHT] = ['a'.repeat(64), 'b'.repeat(64)];

let root: string;
let log: string[];
let refusal: string | undefined;
let returns: Returns;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fermata-returns-'));
  mkdirSync(join(root, 'proc'));
  [log, refusal] = [[], undefined];
  returns = new Returns(
    {
      processes: new HostProcesses(join(root, 'proc')),
      signal: (pid, name) => void log.push(`${name} ${pid}`),
      unlock: async (pid) => {
        log.push(`unlock ${pid}`);
        return refusal;
      },
    },
    root,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

function process(pid: number, container: string, state: 'S' | 'T'): void {
  mkdirSync(join(root, 'proc', `${pid}`), { recursive: true });
  writeFileSync(join(root, 'proc', `${pid}`, 'cgroup'), `0::/kubepods/pod${UID}/${container}\n`);
  writeFileSync(join(root, 'proc', `${pid}`, 'stat'), `${pid} (p) ${state} 1`);
}

/** As the hook does. */
const hook = (file: string): void => writeFileSync(join(root, 'run/fermata/returns', UID, file), '');

test('a container is back when its processes stand still, and CRIU, which is in its control group, has ended', async () => {
  await returns.request(UID);
  assert.deepEqual(await returns.pods(), [UID]);
  process(7, LEFT, 'T');
  assert.deepEqual(await returns.back(UID), [], 'the hook has not said so');
  hook(`${LEFT}.back`);
  process(8, LEFT, 'S');
  assert.deepEqual([await returns.stopped(UID), await returns.back(UID)], [[LEFT], []]);
  process(8, LEFT, 'T');
  assert.deepEqual(await returns.back(UID), [LEFT]);
});

test('one that has ended since is not back', async () => {
  await returns.request(UID);
  hook(`${LEFT}.back`);
  assert.deepEqual(await returns.back(UID), []);
});

test('one that was on its way to be let go when its agent died is back, though it runs', async () => {
  await returns.request(UID);
  process(7, LEFT, 'S');
  hook(`${LEFT}.back`);
  assert.deepEqual(await returns.back(UID), []);
  hook('released');
  assert.deepEqual(await returns.back(UID), [LEFT]);
});

test('what is let go runs, and whatever the hook did not stop is left alone', async () => {
  await returns.request(UID);
  process(7, LEFT, 'T');
  process(9, RIGHT, 'T');
  hook(`${LEFT}.back`);
  await returns.release(UID);
  assert.deepEqual(log, ['SIGCONT 7']);
  await returns.mustNotHold(UID);
});

test('while it stands still it is not dumped', async () => {
  await returns.request(UID);
  await assert.rejects(returns.mustNotHold(UID), /stands still until all are that go on with it/);
});

test('no process runs before TCP of its pod is let through again', async () => {
  await returns.request(UID);
  process(7, LEFT, 'T');
  hook(`${LEFT}.back`);
  hook('locked');
  refusal = 'nft: no';
  await assert.rejects(returns.release(UID), /cannot be let through again: nft: no/);
  assert.deepEqual(log, ['unlock 7']);
  assert.ok(existsSync(join(root, 'run/fermata/returns', UID)));
  refusal = undefined;
  await returns.release(UID);
  assert.deepEqual(log, ['unlock 7', 'unlock 7', 'SIGCONT 7']);
});

test('a pod that was let go already, or never held, is let go once more', () => returns.release(UID));
