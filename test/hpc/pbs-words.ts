import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Access, type JobCard, jobNameOf, PBS, Site } from '../../src/hpc/index.ts';
import { type HpcGround, seen } from './ground.ts';

/**
 * PBS's words meet a program that is not ours: the qsub that comes with Slurm. It has no qselect, and a qstat that is neither
 * PBS's nor Torque's (no exit status, no finished jobs, no tasks), so the submit and the job itself are all that can be seen so.
 */
export function testPbsWords(ground: () => HpcGround): void {
  test('is submitted in the words of PBS to a qsub that is not ours, and writes down its own end', async () => {
    const { folder, access } = ground();
    await promisify(execFile)('bash', [join(import.meta.dirname, 'torque.sh'), folder], { timeout: 120_000 });
    const within: Access = {
      ...access,
      run: (script, options) => access.run(`. ${folder}/torque/environment\n${script}`, options),
    };
    const site = new Site({ system: PBS, access: within, directory: '.fermata/pbs' });
    const card = (mark: string): JobCard => {
      return { system: 'pbs', mark, jobName: jobNameOf('words', mark), name: 'words', owner: 'test' };
    };
    const script = '#!/bin/sh\necho "$# $2"\nexit 3\n';
    const asked = { name: 'words', script, arguments: ['one', '--two'], memoryMebibytes: 50, partition: 'main' };

    const ran = await site.submit({ ...asked, walltimeSeconds: 420 }, card('a'.repeat(12)));
    const there = await site.folderOf('a'.repeat(12));
    await seen('its end', async () => /^ended 3 /.test(await ground().asUser(`cat ${there}/status 2>/dev/null; true`)));
    assert.equal(await ground().asUser(`cat ${there}/stdout`), '2 --two\n');

    const more = { account: 'science', array: '1-3', dependency: `afterany:${ran?.id}`, submitOptions: ['-h'] };
    const held = await site.submit({ ...asked, ...more, cpusPerTask: 2, requeue: false }, card('b'.repeat(12)));
    const said = await ground()
      .site()
      .describe(held?.id ?? '');
    const expected = [
      /JobName=words-b{12}/,
      /MinMemoryNode=50M/,
      /MinCPUsNode=2/,
      /ArrayTaskId=1-3/,
      /Account=science/,
    ];
    for (const part of [...expected, /Partition=main/, /Reason=JobHeldUser/, /Requeue=0/]) assert.match(said, part);
    await ground().asUser(`scancel ${held?.id}`);

    await assert.rejects(site.submit({ ...asked, partition: 'nowhere' }, card('c'.repeat(12))), {
      code: 'SubmitRefused',
      message: /Invalid partition name specified/,
    });
  });
}
