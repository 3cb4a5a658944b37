import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RegistryServer } from './registry-server.ts';

const FERMATA = fileURLToPath(new URL('../../fermata', import.meta.url));
const FIXTURE = fileURLToPath(new URL('../../src/checkpoint/fixtures/dump-of-sleep', import.meta.url));
let folder: string;
let checkpoint: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-checkpoints-'));
  checkpoint = join(folder, 'checkpoint');
  const container = join(checkpoint, 'main');
  mkdirSync(join(container, 'checkpoint'), { recursive: true });
  for (const name of readdirSync(FIXTURE)) {
    cpSync(join(FIXTURE, name), join(container, name === 'stats-dump' ? name : `checkpoint/${name}`));
  }
  writeFileSync(join(container, 'checkpoint', 'pages-1.img'), Buffer.alloc(29 * 4096, 7));
  const configuration = { id: 'a'.repeat(64), name: 'main', rootfsImageName: 'localhost/sleep:1', runtime: 'runc' };
  writeFileSync(join(container, 'config.dump'), JSON.stringify(configuration));
  const annotations = { 'io.kubernetes.pod.name': 'thesis', 'io.kubernetes.pod.namespace': 'team-a' };
  writeFileSync(join(container, 'spec.dump'), JSON.stringify({ annotations }));
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function fermata(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(FERMATA, ['checkpoints', ...args]);
  return stdout;
}

const refuses = (code: number, why: RegExp, ...args: string[]): Promise<void> =>
  assert.rejects(fermata(...args), (error: Error & { code?: number; stderr?: string }) => {
    assert.equal(error.code, code, error.stderr);
    assert.match(error.stderr ?? '', why);
    return true;
  });

test('a checkpoint goes from a folder to a file, from there to a store, and from the store to a file again', async () => {
  const [tar, store, keys] = ['out.tar', 'store', 'keys'].map((name) => join(folder, name));
  assert.ok(tar && store && keys);
  await fermata('export', checkpoint, '--file', tar);
  assert.equal(statSync(tar).mode & 0o777, 0o600);
  const shown = JSON.parse(await fermata('show', tar, '--output', 'json'));
  assert.equal(shown.pod.name, 'thesis');
  assert.deepEqual(
    shown.containers.map(({ image }: { image: string }) => image),
    ['localhost/sleep:1'],
  );
  assert.ok(shown.containers[0].imagesBytes > 29 * 4096);
  assert.match(await fermata('show', checkpoint), /team-a\/thesis +main +localhost\/sleep:1 +runc/);

  await promisify(execFile)(FERMATA, ['keys', 'create', keys]);
  await fermata('import', tar, '--store', store, '--keys', keys, '--as', 'team-a/one');
  const [listed] = JSON.parse(await fermata('ls', '--store', store, '--output', 'json'));
  assert.equal(`${listed.namespace}/${listed.archive}`, 'team-a/one');
  assert.match(await fermata('verify', 'team-a/one', '--store', store, '--keys', keys), /every byte/);
  const again = join(folder, 'again.tar');
  await fermata('export', 'team-a/one', '--store', store, '--keys', keys, '--file', again);
  assert.equal(statSync(again).size, statSync(tar).size);

  const [used] = JSON.parse(await fermata('du', '--store', store, '--output', 'json'));
  assert.equal(used.archives, 1);
  assert.equal(used.unreferencedBytes, 0);
  await fermata('rm', 'team-a/one', '--store', store);
  assert.equal(await fermata('ls', '--store', store), 'the store holds no archive\n');
  const [left] = JSON.parse(await fermata('du', '--store', store, '--output', 'json'));
  assert.ok(left.unreferencedBytes > 0);

  const dry = JSON.parse(await fermata('gc', '--store', store, '--grace', '0', '--dry-run', '--output', 'json'));
  assert.deepEqual(dry.removed.map(({ why }: { why: string }) => why).slice(0, 1), ['Unreferenced']);
  const swept = JSON.parse(await fermata('gc', '--store', store, '--grace', '0', '--output', 'json'));
  assert.equal(swept.freedBytes, left.unreferencedBytes);
  assert.deepEqual(JSON.parse(await fermata('du', '--store', store, '--output', 'json')), []);
});

test('inspect draws the processes as a tree and gives them as JSON; diff counts pages', async () => {
  const [container] = JSON.parse(await fermata('inspect', checkpoint, '--output', 'json')).containers;
  assert.equal(container.processes[0].name, 'sleep');
  assert.equal(container.statistics.pagesWritten, 29);
  assert.match(await fermata('inspect', checkpoint), /^container main\n {2}7799 .*\n[\s\S]*statistics\n/);
  const other = join(folder, 'other');
  cpSync(checkpoint, other, { recursive: true });
  writeFileSync(join(other, 'main', 'checkpoint', 'pages-1.img'), Buffer.alloc(29 * 4096, 8));
  const { memory } = JSON.parse(await fermata('diff', checkpoint, other, '--output', 'json'));
  assert.deepEqual(memory, [{ pid: 7799, samePages: 0, changedPages: 29, addedPages: 0, removedPages: 0 }]);
  assert.match(await fermata('diff', checkpoint, checkpoint), /7799 +29 +0 +0 +0/);
});

test('a checkpoint is pushed as an image and pulled again', async () => {
  const registry = await RegistryServer.start();
  try {
    const image = `${registry.host}/team/thesis:monday`;
    assert.match(await fermata('push', checkpoint, image), /is sha256:[0-9a-f]{64}/);
    const pulled = join(folder, 'pulled');
    assert.equal(await fermata('pull', image, pulled), `Container main is in ${pulled}.\n`);
    assert.match(await fermata('verify', pulled), /fit together/);
    await refuses(
      1,
      /ImageNotCheckpoint|there is no such image/,
      'pull',
      `${registry.host}/team/none:x`,
      join(folder, 'none'),
    );
    assert.ok(!existsSync(join(folder, 'none')));
  } finally {
    await registry.stop();
  }
});

test('a tar is taken into a folder; a damaged one is refused and leaves nothing', async () => {
  const tar = join(folder, 'take.tar');
  await fermata('export', checkpoint, '-f', tar);
  assert.match(await fermata('import', tar, join(folder, 'taken')), /Container main is in/);
  await refuses(1, /already/, 'import', tar, join(folder, 'taken'));
  writeFileSync(join(folder, 'bad.tar'), 'no archive');
  await refuses(1, /refused/, 'import', join(folder, 'bad.tar'), join(folder, 'bad'));
  assert.ok(!existsSync(join(folder, 'bad')) && !existsSync(join(folder, 'bad.importing')));
});

test('memory that was brought to a temporary folder is gone from there when somebody interrupts', async () => {
  const large = join(folder, 'large');
  cpSync(checkpoint, large, { recursive: true });
  writeFileSync(join(large, 'main', 'rootfs-diff.tar'), '');
  truncateSync(join(large, 'main', 'rootfs-diff.tar'), 256 << 20);
  const tar = join(folder, 'large.tar');
  await fermata('export', large, '--file', tar);
  const temporary = mkdtempSync(join(folder, 'tmp-'));
  const child = spawn(FERMATA, ['checkpoints', 'show', tar], { env: { ...process.env, TMPDIR: temporary } });
  let said = '';
  child.stderr.on('data', (piece) => {
    said += String(piece);
  });
  const ended = once(child, 'close');
  while (readdirSync(temporary).length === 0 && child.exitCode === null) await pause(10);
  child.kill('SIGINT');
  const [status] = await ended;
  assert.deepEqual([status, readdirSync(temporary)], [1, []]);
  assert.match(said, /interrupted by SIGINT/);
  rmSync(tar);
  rmSync(large, { recursive: true });
});

test('wrong use is said in words', async () => {
  await refuses(2, /neither a folder nor a file/, 'show', join(folder, 'nothing'));
  await refuses(2, /neither a folder nor a file/, 'verify', 'nothing.tar');
  await refuses(
    2,
    /no container other.*\n.*main|no container other/s,
    'export',
    checkpoint,
    '--container',
    'other',
    '-f',
    join(folder, 'x'),
  );
  await refuses(2, /--keys/, 'verify', 'a/b', '--store', folder);
  await refuses(1, /ftp:/, 'gc', '--store', 'ftp://x/y');
});
