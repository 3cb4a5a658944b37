import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../clock/index.ts';
import { localAccess } from './access.ts';
import type { SharedLook, Turn } from './poll.ts';
import { Site } from './site.ts';
import { SLURM } from './slurm.ts';

const JOBS = 500;
/** Of the 500 jobs so many are looked at, by so many connectors at once. */
const LOOKED_AT = 24;
const AT_ONCE = 8;

/** A home directory with the folders of the jobs that are looked at. */
async function withHome(use: (home: string, site: Site) => Promise<void>, queueSeconds = 3600): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'fermata-poll-'));
  try {
    await mkdir(join(home, 'bin'));
    const environment = { ...process.env, HOME: home, PATH: `${home}/bin:${process.env.PATH}` };
    await use(home, new Site({ system: SLURM, access: localAccess(new SystemClock(), environment), queueSeconds }));
  } finally {
    await rm(home, { recursive: true });
  }
}

/** Looks at each job once, by several connectors at once. */
async function lookAtAll(look: (id: string) => Promise<void>): Promise<void> {
  const connector = async (first: number): Promise<void> => {
    for (let id = first; id <= LOOKED_AT; id += AT_ONCE) await look(String(id));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => connector(index + 1)));
}

test('with 500 jobs the batch system is asked once an interval, however many connectors look', () =>
  withHome(async (home, site) => {
    const squeue = `#!/bin/sh\necho x >>${home}/asked\nsleep 0.2\nfor i in $(seq ${JOBS}); do echo "$i|N/A|RUNNING|n1|None"; done\n`;
    await writeFile(join(home, 'bin', 'squeue'), squeue);
    await chmod(join(home, 'bin', 'squeue'), 0o755);
    for (let id = 1; id <= LOOKED_AT; id++) {
      const folder = await site.folderOf(`mark-${id}`);
      await mkdir(folder);
      await writeFile(join(folder, 'jobid'), `${id}\n`);
    }
    const states = new Map<string, string | undefined>();
    await lookAtAll(async (id) => {
      states.set(id, (await site.poll(id, `mark-${id}`, new Map())).jobs[0]?.native);
    });
    assert.equal(await readFile(join(home, 'asked'), 'utf8'), 'x\n');
    assert.equal(states.get(String(LOOKED_AT)), 'RUNNING');
    assert.equal(states.size, LOOKED_AT);
  }));

test('where connectors ask from here, one of them is told that it is its turn, and the others have its answer', () =>
  withHome(async (_home, site) => {
    const turns: Turn[] = [];
    const looks = new Map<string, SharedLook>();
    const look = async (id: string): Promise<void> => {
      const seen = await site.lookAtShared('rest', id, {});
      looks.set(id, seen);
      if (seen.turn !== undefined) turns.push(seen.turn);
    };
    await lookAtAll(look);
    const [turn, ...others] = turns;
    assert.deepEqual(others, []);
    assert.ok(turn !== undefined && turn.ids.length > 0);
    assert.equal(looks.get('1')?.isListKnown, false);

    const asked = ['1', '2', '3'];
    const running = { id: '2', task: '7', phase: 'Running', native: 'RUNNING', reason: 'a | b' } as const;
    await site.share('rest', { ...turn, ids: asked }, [running]);
    await lookAtAll(look);
    assert.equal(turns.length, 1);
    assert.deepEqual(looks.get('2')?.jobs, [running]);
    // What is not in the list has left the queue, or came after the question.
    assert.deepEqual(looks.get('1')?.jobs, []);
    assert.equal(looks.get('1')?.isListKnown, true);
    assert.equal(looks.get('4')?.isListKnown, false);
    assert.deepEqual((await site.lookAtShared('other', '2', {})).jobs, [], 'lists of several clusters are kept apart');
  }));

test('what the batch system did not say is told to all, until it answers; a late answer does not replace a newer one', () =>
  withHome(async (_home, site) => {
    const look = async (): Promise<SharedLook> => await site.lookAtShared('rest', '1', {});
    const { turn } = await look();
    assert.ok(turn !== undefined, 'whoever comes first asks');
    const later = { ...turn, at: turn.at + 5 };
    const report = (native: string) => [{ id: '1', phase: 'Running', native } as const];
    await site.share('rest', later, report('LATER'));
    await site.share('rest', turn, report('EARLIER'));
    assert.equal((await look()).jobs[0]?.native, 'LATER');
    await site.share('rest', later, 'no\nanswer');
    const failed = await look();
    assert.equal(failed.listError, 'no\nanswer');
    assert.equal(failed.jobs[0]?.native, 'LATER');
    await site.share('rest', { ...turn, at: turn.at + 6 }, []);
    assert.deepEqual([(await look()).listError, (await look()).jobs], [undefined, []]);
  }));
