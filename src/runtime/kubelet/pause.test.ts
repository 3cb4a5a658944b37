import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { thaw } from './pause.ts';

const GROUP = `/kubepods/pod1/${'a'.repeat(64)}`;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fermata-pause-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, content: string): string {
  const full = join(root, 'sys/fs/cgroup', path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

test('a paused container goes on, on either kind of hierarchy', () => {
  const old = file(`freezer${GROUP}/freezer.state`, 'FROZEN\n');
  thaw(root, `6:freezer:${GROUP}\n1:cpu:${GROUP}\n0::${GROUP}\n`);
  assert.equal(readFileSync(old, 'utf8').slice(0, 6), 'THAWED');
  const unified = file(`${GROUP}/cgroup.freeze`, '1\n');
  thaw(root, `0::${GROUP}\n`);
  assert.equal(readFileSync(unified, 'utf8')[0], '0');
});

test('groups that are no single container are left alone', () => {
  const whole = file('freezer/kubepods/freezer.state', 'FROZEN\n');
  thaw(root, '6:freezer:/kubepods\n0::/\n');
  assert.equal(readFileSync(whole, 'utf8'), 'FROZEN\n');
});
