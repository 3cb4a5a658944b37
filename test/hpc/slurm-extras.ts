import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { HPC_EXIT } from '../../src/hpc/index.ts';
import { type HpcGround, jobIdOf, seen } from './ground.ts';

const run = promisify(execFile);

/** What Slurm can give and other batch systems here cannot; @param rest flags of a way by REST. */
export function testSlurmExtras(ground: () => HpcGround, rest: () => readonly string[]): void {
  for (const way of ['ssh', 'REST'] as const) {
    test(`of several components runs its script on the first, by ${way}`, async () => {
      const component = ['--cpus-per-task', '2', '--component', 'nodes=1,cpus-per-task=4', '--component', 'tasks=2'];
      const words = ['--', 'bash', '-c', 'echo $SLURM_HET_SIZE; exit 5'];
      const job = ground().connect(...(way === 'REST' ? rest() : []), ...component, ...words);
      assert.equal(await job.ended, 5, job.stderr);
      assert.equal(job.stdout, '3\n');
      const said = await ground()
        .site()
        .describe(await jobIdOf(job));
      for (const part of [/HetJobOffset=1/, /NumCPUs=2 /, /NumCPUs=4 /]) assert.match(said, part);
    });
  }

  test('has the QOS, reservation and account that were asked for', async () => {
    const reservation = 'ReservationName=lab Nodes=n3 Users=fermata-hpc StartTime=now Duration=10 Flags=ignore_jobs';
    await ground().administer(`scontrol create ${reservation}`);
    const job = ground().connect('--qos', 'normal', '--reservation', 'lab', '--account', 'science', '--', 'true');
    assert.equal(await job.ended, 0, job.stderr);
    const said = await ground()
      .site()
      .describe(await jobIdOf(job));
    for (const part of [/QOS=normal/, /Reservation=lab/, /Account=science/, /NodeList=n3/]) assert.match(said, part);
    await ground().administer('scontrol delete ReservationName=lab');
    const unknown = ground().connect('--reservation', 'nowhere', '--', 'true');
    assert.equal(await unknown.ended, HPC_EXIT.refused);
    assert.match(unknown.stderr, /Requested reservation is invalid/);
  });
}

/** Programs that the site would have to offer; their own copies here. */
export function testSitePrograms(ground: () => HpcGround): void {
  before(async () => {
    const { folder } = ground();
    for (const script of ['criu.sh', 'apptainer.sh']) {
      await run('bash', [join(import.meta.dirname, script), folder], { timeout: 300_000 });
    }
  });

  test('runs in the container image that was asked for', async () => {
    const { folder } = ground();
    const script = join(folder, 'in-container.sh');
    await writeFile(script, '#!/bin/sh\ncat /etc/image; exit $1\n');
    const path = `PATH=${folder}/apptainer/usr/bin:/usr/bin:/bin`;
    const job = ground().connect('--image', `${folder}/apptainer/image`, '--env', path, script, '4');
    assert.equal(await job.ended, 4, job.stderr);
    assert.equal(job.stdout, 'inside the image\n');
    const without = ground().connect('--image', 'x.sif', '--', 'true');
    assert.equal(await without.ended, 127);
    assert.match(without.stderr, /neither apptainer nor singularity is on the PATH/);
  });

  test('is dumped when the site warns that it will preempt it, and goes on from there', async () => {
    const { folder } = ground();
    const words = ['--checkpoint', 'criu', '--criu', `${folder}/criu/criu`, '--submit-option=--exclusive'];
    const urgentHasRun = ground().gate('urgent-has-run');
    const program = `for i in $(seq 12); do echo line $i; [ $i != 6 ] || ${urgentHasRun.wait}; sleep 0.2; done; exit 3`;
    const low = ground().connect(...words, '--partition', 'warned', '--', 'bash', '-c', program);
    await seen('that it runs', () => low.stdout.includes('line 3\n') || undefined);
    const high = ground().connect('--partition', 'urgent', '--submit-option=--exclusive', '--', 'sleep', '1');
    assert.equal(await high.ended, 0, high.stderr);
    await urgentHasRun.open();
    const id = await jobIdOf(low);
    await ground().administer(`scontrol update JobId=${id} StartTime=now || true`);
    assert.equal(await low.ended, 3, low.stderr);
    assert.match(low.stderr, /checkpoint made, waiting in the queue again/);
    assert.deepEqual(
      low.stdout.trim().split('\n'),
      Array.from({ length: 12 }, (_, index) => `line ${index + 1}`),
    );
    assert.match(await ground().site().describe(id), /Restarts=[1-9]/);
  });

  test('is refused at once where its user may not checkpoint', async () => {
    const { folder } = ground();
    await ground().administer(`cp ${folder}/criu/criu ${folder}/criu/powerless`);
    for (const [criu, said] of [
      [`${folder}/criu/powerless`, /CAP_CHECKPOINT_RESTORE/],
      ['/no/criu', /there is no \/no\/criu/],
    ] as const) {
      const job = ground().connect('--checkpoint', 'criu', '--criu', criu, '--', 'true');
      assert.equal(await job.ended, HPC_EXIT.refused);
      assert.match(job.stderr, said);
      assert.match(job.stderr, /ask the site for CRIU/);
    }
  });
}
