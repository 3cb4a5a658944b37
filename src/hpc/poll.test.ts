import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../clock/index.ts';
import { localAccess } from './access.ts';
import { Site } from './site.ts';
import { SLURM } from './slurm.ts';

const JOBS = 500;
/** Of the 500 jobs so many are looked at, by so many connectors at once. */
const LOOKED_AT = 24;
const AT_ONCE = 8;

test('with 500 jobs the batch system is asked once an interval, however many connectors look', async () => {
  const home = await mkdtemp(join(tmpdir(), 'fermata-poll-'));
  try {
    await mkdir(join(home, 'bin'));
    const squeue = `#!/bin/sh\necho x >>${home}/asked\nsleep 0.2\nfor i in $(seq ${JOBS}); do echo "$i|N/A|RUNNING|n1|None"; done\n`;
    await writeFile(join(home, 'bin', 'squeue'), squeue);
    await chmod(join(home, 'bin', 'squeue'), 0o755);
    const environment = { ...process.env, HOME: home, PATH: `${home}/bin:${process.env.PATH}` };
    const access = localAccess(new SystemClock(), environment);
    const site = new Site({ system: SLURM, access, queueSeconds: 3600 });
    for (let id = 1; id <= LOOKED_AT; id++) {
      const folder = await site.folderOf(`mark-${id}`);
      await mkdir(folder);
      await writeFile(join(folder, 'jobid'), `${id}\n`);
    }
    const states = new Map<number, string | undefined>();
    const connector = async (first: number): Promise<void> => {
      for (let id = first; id <= LOOKED_AT; id += AT_ONCE) {
        states.set(id, (await site.poll(String(id), `mark-${id}`, new Map())).jobs[0]?.native);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => connector(index + 1)));
    assert.equal(await readFile(join(home, 'asked'), 'utf8'), 'x\n');
    assert.equal(states.get(LOOKED_AT), 'RUNNING');
    assert.equal(states.size, LOOKED_AT);
  } finally {
    await rm(home, { recursive: true });
  }
});
