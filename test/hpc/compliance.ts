import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type BatchSystem, HPC_EXIT } from '../../src/hpc/index.ts';
import { type Connector, clusterWithJob, type HpcGround, jobIdOf, seen } from './ground.ts';

type Name = BatchSystem['name'];

/** A line of a script that the batch system reads, and what it then says of the job. */
const DIRECTIVES: Readonly<Record<Name, string>> = {
  slurm: '#SBATCH --constraint=large',
  gridengine: '#$ -pty no',
  pbs: '#PBS -l walltime=0:07:00',
};
const EFFECTS: Readonly<Record<Name, RegExp>> = {
  slurm: /Features=large/,
  gridengine: /jobnumber/,
  pbs: /Resource_List\.walltime = 00:07:00/,
};
/** What each says of a queue that is not there. */
const REFUSALS: Readonly<Record<Name, RegExp>> = {
  slurm: /Invalid partition name specified/,
  gridengine: /unknown queue "nowhere"/,
  pbs: /Unknown queue/,
};

const runs = (text: RegExp, connector: Connector): Promise<boolean> =>
  seen(`${text} in the output`, () => text.test(connector.stdout) || undefined);

/**
 * What a job is to its user, whatever the batch system and the way to it.
 *
 * @param way names it, in identities and files; @param flags of every `hpc run`
 */
export function testJob(
  ground: () => HpcGround,
  name: Name,
  way: string,
  flags: readonly string[] | (() => readonly string[]),
): void {
  const connect = (...words: string[]): Connector =>
    ground().connect(...(typeof flags === 'function' ? flags() : flags), ...words);

  test('shows its output and errors, and ends as a success', async () => {
    const job = connect('--env', 'WHAT=a b', '--', 'bash', '-c', 'echo "out $WHAT"; echo err >&2; id -un');
    assert.equal(await job.ended, 0, job.stderr);
    assert.equal(job.stdout, 'out a b\nfermata-hpc\n');
    assert.match(job.stderr, /^err$/m);
    assert.match(job.stderr, /completed$/m);
  });

  test('is a script with directives and arguments, and ends with its exit code', async () => {
    const path = join(ground().folder, `script-${way}.sh`);
    const directive = DIRECTIVES[name];
    await writeFile(path, `#!/bin/bash\n${directive}\necho "$# $2"; exit 7\n`);
    const job = connect(path, 'one', '--two');
    assert.equal(await job.ended, 7, job.stderr);
    assert.equal(job.stdout, '2 --two\n');
    assert.match(
      await ground()
        .site()
        .describe(await jobIdOf(job)),
      EFFECTS[name],
    );
  });

  test('runs in the folder, with the environment and the modules that were asked for', async () => {
    const { folder } = ground();
    const modules = join(folder, `modules-${way}`);
    await mkdir(modules);
    await writeFile(join(modules, 'greeting'), '#%Module\nsetenv GREETING hello\n');
    const words = [
      '--chdir',
      modules,
      '--env',
      `MODULEPATH=${modules}`,
      '--env',
      'WHOM=two words',
      '--module',
      'greeting',
    ];
    const job = connect(...words, '--account', 'science', '--', 'bash', '-c', 'pwd; echo "$GREETING $WHOM"');
    assert.equal(await job.ended, 0, job.stderr);
    assert.equal(job.stdout, `${modules}\nhello two words\n`);
    const missing = connect('--module', 'nowhere', '--', 'true');
    assert.equal(await missing.ended, 126, missing.stderr);
    assert.match(missing.stderr, /Unable to locate a modulefile for 'nowhere'/);
  });

  test('that dies by a signal is told by 128 and the signal', async () => {
    const job = connect('--', 'bash', '-c', 'kill -SEGV $$');
    assert.equal(await job.ended, 139, job.stderr);
  });

  test('that reaches its time limit is told apart from its own exit codes', async () => {
    const job = connect('--time', name === 'slurm' ? '1' : '0:02', '--', 'sleep', '300');
    if (name === 'slurm') await endSoon(ground(), await jobIdOf(job));
    assert.equal(await job.ended, HPC_EXIT.deadlineExceeded, job.stderr);
  });

  test('that is cancelled here is cancelled there, and seen gone before the connector ends', async () => {
    const job = connect('--', 'bash', '-c', 'echo begun; sleep 300');
    await runs(/begun/, job);
    const id = await jobIdOf(job);
    job.process.kill('SIGTERM');
    assert.equal(await job.ended, 143, job.stderr);
    const left = (await ground().site().list()).filter((report) => report.id === id && report.phase !== 'Ended');
    assert.deepEqual(left, []);
  });

  test('obeys a second signal at once', async () => {
    const job = connect('--', 'bash', '-c', "trap '' TERM; echo begun; sleep 300; sleep 300");
    await runs(/begun/, job);
    job.process.kill('SIGINT');
    await seen('that it is being cancelled', () => job.stderr.includes('cancelling job') || undefined);
    job.process.kill('SIGINT');
    assert.equal(await job.ended, 130, job.stderr);
    assert.match(job.stderr, /leaving at once/);
  });

  test('that is held waits, and says so', async () => {
    const held = name === 'slurm' ? '--hold' : '-h';
    const job = connect('--submit-option', held, '--', 'true');
    const id = await jobIdOf(job);
    await seen('that it is held', () => /JobHeldUser|\(held\)|\(Job held by/.test(job.stderr) || undefined);
    await ground().asUser(name === 'slurm' ? `scontrol release ${id}` : `qrls ${id}`);
    assert.equal(await job.ended, 0, job.stderr);
  });

  test('waits for the one it depends on', async () => {
    const gate = ground().gate(`first-${way}`);
    const first = connect('--', 'bash', '-c', `${gate.wait}; date +%s%N`);
    const id = await jobIdOf(first);
    const second = connect('--dependency', name === 'gridengine' ? id : `afterok:${id}`, '--', 'date', '+%s%N');
    await jobIdOf(second);
    await gate.open();
    assert.deepEqual([await first.ended, await second.ended], [0, 0], second.stderr);
    assert.ok(BigInt(second.stdout.trim()) > BigInt(first.stdout.trim()));
  });

  test('of an array shows every task, and ends as the worst of them', async () => {
    const index = ground().system.taskVariable;
    const job = connect('--array', '1-5', '--', 'bash', '-c', `echo task $${index}; exit $(($${index} / 5 * 9))`);
    assert.equal(await job.ended, 9, job.stderr);
    assert.deepEqual(
      job.stdout.trim().split('\n').sort(),
      [1, 2, 3, 4, 5].map((task) => `[${task}] task ${task}`),
    );
    assert.match(job.stderr, /1 of 5 tasks failed/);
  });

  test('that the site refuses says why, in the words of the site', async () => {
    const job = connect('--partition', 'nowhere', '--', 'true');
    assert.equal(await job.ended, HPC_EXIT.refused);
    assert.match(job.stderr, REFUSALS[name]);
  });

  test('is taken up by the next incarnation when its connector was killed: there is one job', async () => {
    const words = [
      '--identity',
      `${way}/0`,
      '--name',
      `adopted-${way}`,
      '--',
      'bash',
      '-c',
      'echo begun; sleep 6; echo done',
    ];
    const killed = connect(...words);
    await runs(/begun/, killed);
    killed.process.kill('SIGKILL');
    await killed.ended;
    const next = connect(...words);
    assert.equal(await next.ended, 0, next.stderr);
    assert.match(next.stderr, /took up/);
    assert.equal(next.stdout, 'begun\ndone\n');
    const jobs = (await ground().site().cards()).filter((card) => card.name === `adopted-${way}`);
    assert.equal(jobs.length, 1);
    assert.equal(await jobIdOf(next), await jobIdOf(killed));
  });

  test('that failed is tried anew by the next pod of its Job, one that succeeded is not', async () => {
    const words = ['--identity', `${way}/2`, '--name', `retried-${way}`, '--', 'bash', '-c'];
    const program = `echo x >>~/tries-${way}; exit $((2 - $(wc -l <~/tries-${way})))`;
    for (const expected of [1, 0, 0]) {
      const pod = connect(...words, program);
      assert.equal(await pod.ended, expected, pod.stderr);
    }
    assert.equal((await ground().site().cards()).filter((card) => card.name === `retried-${way}`).length, 2);
  });
}

/** What is done by a batch system's own commands in a shell at the site. */
export function testSite(ground: () => HpcGround, name: Name, way: string): void {
  const connect = (...words: string[]): Connector => ground().connect(...words);

  test('is submitted once though the connector dies in the middle of the submit, whenever that is', async () => {
    const words = ['--identity', `${way}/1`, '--name', 'once', '--', 'sleep', '2'];
    for (const pause of [150, 300, 450, 600]) {
      const killed = connect(...words);
      await ground().clock.sleep(pause);
      killed.process.kill('SIGKILL');
      await killed.ended;
    }
    const last = connect(...words);
    assert.equal(await last.ended, 0, last.stderr);
    const { jobName } = (await ground().site().cards()).find((card) => card.name === 'once') ?? { jobName: '' };
    const count =
      name === 'slurm'
        ? `squeue -h -t all --name=${jobName} -o %A | wc -l`
        : name === 'pbs'
          ? `qselect -x -u fermata-hpc -N ${jobName} | wc -l`
          : `{ qstat -r; qacct -o fermata-hpc -j ${jobName} | grep jobname; } | grep -c ${jobName}`;
    assert.equal((await ground().asUser(count)).trim(), '1');
  });

  test('is listed, its log can be read, and it is cancelled by its id', async () => {
    const job = connect('--name', 'listed', '--', 'bash', '-c', 'echo begun; sleep 300');
    await runs(/begun/, job);
    const id = await jobIdOf(job);
    const list = ground().command('ls', '--output', 'json');
    assert.equal(await list.ended, 0, list.stderr);
    const listed = (JSON.parse(list.stdout) as { id: string; name: string }[]).find((one) => one.id === id);
    assert.equal(listed?.name, 'listed');
    const logs = ground().command('logs', id);
    assert.equal(await logs.ended, 0, logs.stderr);
    assert.equal(logs.stdout, 'begun\n');
    const description = ground().command('describe', id);
    assert.equal(await description.ended, 0, description.stderr);
    assert.match(description.stdout, /listed-[0-9a-f]{12}/);
    assert.equal(await ground().command('cancel', id).ended, 0);
    assert.notEqual(await job.ended, 0);
  });
}

/** What is the same for all batch systems behind a shell. */
export function testShell(ground: () => HpcGround): void {
  const connect = (...words: string[]): Connector => ground().connect(...words);

  test('whose log rotates or is truncated shows every line once', async () => {
    const gate = ground().gate('rotated');
    const program = `for i in $(seq 20); do echo line $i; [ $i != 5 ] || ${gate.wait}; sleep 0.2; done`;
    const job = connect('--', 'bash', '-c', program);
    await runs(/line 5\n/, job);
    const id = await jobIdOf(job);
    const mark = (await ground().site().cards()).find((card) => card.id === id)?.mark;
    assert.ok(mark !== undefined);
    const folder = await ground().site().folderOf(mark);
    // Renamed, as logrotate does: the job writes on to the renamed file.
    await ground().asUser(
      `mv ${folder}/stdout ${folder}/old.1 && cp ${folder}/old.1 ${folder}/aside && : > ${folder}/stdout`,
    );
    await gate.open();
    assert.equal(await job.ended, 0, job.stderr);
    assert.deepEqual(
      job.stdout.trim().split('\n'),
      Array.from({ length: 20 }, (_, i) => `line ${i + 1}`),
    );
  });

  test('is given files, and its results come back', async () => {
    const folder = join(ground().folder, 'staging');
    await mkdir(join(folder, 'in put'), { recursive: true });
    await writeFile(join(folder, 'in put', 'a.txt'), 'two words\n');
    const words = ['--stage-in', 'in put', '--stage-out', 'res/*.txt', '--stage-out', 'nothing*'];
    const program = 'mkdir res; tr a-z A-Z < "in put/a.txt" > "res/b 1.txt"; echo no > res/c.log; exit 3';
    const job = ground().connectIn(folder, ...words, '--', 'bash', '-c', program);
    assert.equal(await job.ended, 3, job.stderr);
    assert.equal(await readFile(join(folder, 'res', 'b 1.txt'), 'utf8'), 'TWO WORDS\n');
    assert.deepEqual(await readdir(join(folder, 'res')), ['b 1.txt']);
    const refused = ground().connectIn(folder, '--stage-in', 'missing', '--', 'true');
    assert.equal(await refused.ended, HPC_EXIT.refused);
    assert.match(refused.stderr, /missing: Cannot stat/);
  });

  test('whose Kubernetes Job is gone is cancelled by the reaper, one whose Job is there is not', async () => {
    const there = 'uid-of-a-job-that-is-there';
    const cluster = await clusterWithJob(ground(), there);
    try {
      const started = [];
      for (const [index, uid] of ['uid-of-a-job-that-is-gone', there].entries()) {
        const podinfo = join(ground().folder, `podinfo-${index}`);
        await mkdir(podinfo);
        const labels = `batch.kubernetes.io/controller-uid="${uid}"\nbatch.kubernetes.io/job-name="job-${index}"\n`;
        await writeFile(join(podinfo, 'labels'), labels);
        const job = connect('--podinfo', podinfo, '--', 'bash', '-c', 'echo begun; sleep 300');
        await runs(/begun/, job);
        job.process.kill('SIGKILL');
        await job.ended;
        started.push(await jobIdOf(job));
      }
      const [gone = '', kept = ''] = started;
      const dry = ground().command('gc', '--kubeconfig', cluster.kubeconfig, '--dry-run');
      assert.equal(await dry.ended, 0, dry.stderr);
      assert.equal(
        dry.stdout,
        `job ${gone} (job-0 of default/job-0) would be cancelled: the Job it stands for is gone\n`,
      );
      const gc = ground().command('gc', '--kubeconfig', cluster.kubeconfig);
      assert.equal(await gc.ended, 0, gc.stderr);
      const isActive = async (id: string) =>
        (await ground().site().list()).some((report) => report.id === id && report.phase !== 'Ended');
      await seen('that the orphan is gone', async () => !(await isActive(gone)));
      assert.ok(await isActive(kept));
      await cluster.stop();
      const blind = ground().command('gc', '--kubeconfig', cluster.kubeconfig);
      assert.equal(await blind.ended, 1, 'without an answer of the cluster nothing is an orphan');
      assert.ok(await isActive(kept));
      await ground().site().cancel([kept]);
    } finally {
      await cluster.stop();
    }
  });
}

/** Slurm counts in minutes; its administrator may shorten what is left. */
async function endSoon(ground: HpcGround, id: string): Promise<void> {
  await seen('that it runs', async () =>
    (await ground.site().list()).some((report) => report.id === id && report.phase === 'Running'),
  );
  await ground.administer(`scontrol update JobId=${id} EndTime=now+1`);
}
