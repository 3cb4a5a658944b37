import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFiles, readDumpStatistics, verifyCriuImages } from '../src/checkpoint/index.ts';
import { locateToolchain } from '../src/cli/index.ts';

const { criu } = await locateToolchain();

describe('images that CRIU writes', { skip: criu === undefined ? 'CRIU is missing' : false }, () => {
  let folder: string;
  const started: ChildProcess[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fermata-criu-images-'));
  });
  after(async () => {
    for (const { pid } of started) if (pid !== undefined) killGroup(pid);
    await rm(folder, { recursive: true, force: true });
  });

  /** A session of its own; resolves once it holds its memory. */
  async function startPerl(script: string): Promise<number> {
    const child = spawn('perl', ['-e', script], { cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'ignore'] });
    started.push(child);
    await once(child, 'spawn');
    assert.ok(child.pid);
    await sleep(300);
    return child.pid;
  }

  function dump(pid: number, directory: string): ChildProcess {
    assert.ok(criu);
    const program = join(criu.binDirectory, 'criu');
    const child = spawn(program, ['dump', '-t', String(pid), '-D', directory, '-o', 'dump.log', '--leave-running'], {
      stdio: 'ignore',
      // A group of its own: CRIU's helpers outlive it when it alone is killed.
      detached: true,
    });
    started.push(child);
    return child;
  }

  test('are whole for a tree of processes, and not once a byte of memory is missing', async () => {
    const pid = await startPerl('$x = "x" x 3e6; fork; fork; sleep 1000');
    const directory = join(folder, 'tree');
    await diskFiles.makeDirectory(directory);
    const [code] = await once(dump(pid, directory), 'exit');
    assert.equal(code, 0, 'criu dump');
    await verifyCriuImages(directory);
    const { frozenMicroseconds, pagesWritten } = await readDumpStatistics(directory);
    assert.ok(frozenMicroseconds > 0 && pagesWritten > 3e6 / 4096);
    const entries = (await diskFiles.list(directory)) ?? [];
    assert.equal(entries.filter(({ path }) => path.startsWith('core-')).length, 4);
    const pages = entries.find(({ path }) => path.startsWith('pages-'));
    assert.ok(pages);
    await truncate(join(directory, pages.path), pages.sizeBytes - 1);
    await assert.rejects(verifyCriuImages(directory), { code: 'CheckpointIncomplete' });
  });

  test('are never taken for whole when CRIU is killed before it is done', async () => {
    let killed = 0;
    for (const milliseconds of [5, 20, 40, 60, 80]) {
      const pid = await startPerl('$x = "x" x 64e6; sleep 1000');
      const directory = join(folder, `killed-after-${milliseconds}`);
      await diskFiles.makeDirectory(directory);
      const dumping = dump(pid, directory);
      const ended = once(dumping, 'exit');
      await sleep(milliseconds);
      if (dumping.pid !== undefined) killGroup(dumping.pid);
      await ended;
      killGroup(pid);
      // CRIU writes the inventory when all the rest is there; the dump may have come that far.
      const entries = (await diskFiles.list(directory)) ?? [];
      if (entries.some(({ path }) => path === 'inventory.img')) continue;
      killed += 1;
      await assert.rejects(verifyCriuImages(directory), { code: 'CheckpointIncomplete' });
    }
    assert.ok(killed > 0, 'no dump was cut');
  });
});

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
