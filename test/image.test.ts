import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
const IMAGE = join(ROOT, 'deploy', 'image');
const isRoot = process.getuid?.() === 0;

test('what is in the image runs every role, not as root, from nothing but the image', {
  skip: !isRoot && 'needs root for chroot',
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-image-'));
  try {
    await run('sh', [join(IMAGE, 'build.sh'), '--layout', folder]);
    const [, entry = ''] = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(IMAGE, 'Containerfile'), 'utf8')) ?? [];
    const inImage = (user: string, ...command: string[]) => run('chroot', [`--userspec=${user}`, folder, ...command]);
    const fermata = (...flags: string[]) => inImage('65532:65532', ...(JSON.parse(entry) as string[]), ...flags);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    assert.equal((await fermata('--version')).stdout.trim(), version);
    assert.equal((await inImage('0:0', 'fermata', '--version')).stdout.trim(), version);
    for (const role of ['scheduler', 'controller', 'webhook', 'agent']) {
      await assert.rejects(fermata(role), /there is no kubeconfig/, role);
    }
    // What the agent starts.
    for (const program of ['tar', 'cp']) assert.match((await inImage('0:0', program, '--version')).stdout, /GNU/);
    // What the HPC connector starts; a runtime gives every container a /dev/null.
    await mkdir(join(folder, 'dev'));
    await run('mknod', ['-m', '666', join(folder, 'dev', 'null'), 'c', '1', '3']);
    assert.match((await inImage('65534:65534', 'ssh', '-G', 'login')).stdout, /^hostname login$/m);
    await inImage('65534:65534', 'sh', '-c', 'exec ssh -V');
    const { stdout } = await run('du', ['-sm', folder]);
    assert.ok(Number.parseInt(stdout, 10) < 300, `${stdout.trim()} MiB: something got in that has no business there`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
