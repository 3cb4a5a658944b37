import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { HPC_EXIT } from '../../src/hpc/index.ts';
import { testJob, testShell, testSite } from './compliance.ts';
import { HpcGround, jobIdOf, seen } from './ground.ts';
import { testPbsWords } from './pbs-words.ts';
import { testSitePrograms, testSlurmExtras } from './slurm-extras.ts';
import { testSlurmRest } from './slurm-rest.ts';

/**
 * The connector on real batch systems, reached by a real ssh as an ordinary user, and on commands that speak as PBS does. Tests
 * of one system run side by side where they can: most of them wait.
 */
const unfit = process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs root on Debian';
for (const name of ['slurm', 'gridengine', 'pbs'] as const) {
  describe(`a job on ${name}`, { timeout: 600_000, skip: unfit }, () => {
    let ground: HpcGround;
    let rest: string[];
    before(async () => {
      ground = await HpcGround.start(name);
      if (name === 'slurm') rest = await ground.restFlags();
    });
    after(() => ground.stop());

    describe('that is undisturbed', { concurrency: 8 }, () => {
      testJob(() => ground, name, name, []);
      testSite(() => ground, name, name);
      if (name !== 'pbs') testShell(() => ground);
      if (name !== 'pbs') testTop(() => ground);
      if (name === 'slurm') testSlurmAlone(() => ground);
      if (name === 'slurm') {
        testSlurmExtras(
          () => ground,
          () => rest,
        );
        testPbsWords(() => ground);
        testSlurmRest(
          () => ground,
          () => rest,
        );
      }
      if (name === 'gridengine') testGridEngineAlone(() => ground);
      if (name === 'slurm') {
        describe('and is reached by REST', { concurrency: 4 }, () =>
          testJob(
            () => ground,
            name,
            'rest',
            () => rest,
          ),
        );
      }
    });

    if (name !== 'pbs') {
      describe('whose site is disturbed', () => {
        if (name === 'slurm') testSitePrograms(() => ground);
        if (name === 'slurm') testDisturbedSlurm(() => ground);
        testBrokenLink(() => ground);
        if (name === 'gridengine') testLostHost(() => ground);
      });
    }
  });
}

function testTop(ground: () => HpcGround): void {
  test('is listed with what it takes while it runs', async () => {
    const program = 'x=$(head -c 8000000 /dev/zero | tr "\\0" a); echo begun; sleep 300; true';
    const job = ground().connect('--', 'bash', '-c', program);
    const id = await jobIdOf(job);
    await seen('its memory', async () => {
      const top = ground().command('top', '--output', 'json');
      assert.equal(await top.ended, 0, top.stderr);
      const jobs = JSON.parse(top.stdout) as { id: string; memoryBytes?: number }[];
      return (jobs.find((one) => one.id === id)?.memoryBytes ?? 0) > 8e6;
    });
    job.process.kill('SIGTERM');
    assert.equal(await job.ended, 143, job.stderr);
  });
}

/** What only Slurm can be made to do here. */
function testSlurmAlone(ground: () => HpcGround): void {
  test('that takes too much memory is told apart', async () => {
    const job = ground().connect('--memory', '100Mi', '--', 'bash', '-c', 'head -c 300M /dev/zero | tail | sleep 60');
    assert.equal(await job.ended, HPC_EXIT.outOfMemory, job.stderr);
  });

  test('that its user cancels there is told apart', async () => {
    const job = ground().connect('--', 'bash', '-c', 'echo begun; sleep 300');
    await seen('that it runs', () => job.stdout.includes('begun') || undefined);
    await ground().asUser(`scancel ${await jobIdOf(job)}`);
    assert.equal(await job.ended, HPC_EXIT.cancelled, job.stderr);
  });

  test('with a wrong account is refused in the words of the site', async () => {
    const job = ground().connect('--account', 'nobody', '--', 'true');
    assert.equal(await job.ended, HPC_EXIT.refused);
    assert.match(job.stderr, /Invalid account or account\/partition combination/);
  });

  // They want the same node.
  describe('that is preempted', { concurrency: 1 }, () => {
    test('by a site that requeues it is waiting again, not ended', async () => {
      const low = ground().connect(
        '--partition',
        'low',
        '--cpus-per-task',
        '32',
        '--',
        'bash',
        '-c',
        'echo begun; [ -e preempted ] && echo done || { touch preempted; sleep 300; }',
      );
      await seen('that it runs', () => low.stdout.includes('begun') || undefined);
      const high = ground().connect('--partition', 'high', '--cpus-per-task', '32', '--', 'sleep', '1');
      assert.equal(await high.ended, 0, high.stderr);
      const id = await jobIdOf(low);
      // Sooner than Slurm would; on a busy machine it may be later.
      await ground().administer(`scontrol update JobId=${id} StartTime=now || true`);
      assert.equal(await low.ended, 0, low.stderr);
      assert.equal(low.stdout, 'begun\nbegun\ndone\n');
      assert.equal(await jobIdOf(low), id);
    });

    test('by a site for good is told apart', async () => {
      const low = ground().connect(
        '--partition',
        'cancelled',
        '--cpus-per-task',
        '32',
        '--',
        'bash',
        '-c',
        'echo begun; sleep 300',
      );
      await seen('that it runs', () => low.stdout.includes('begun') || undefined);
      const high = ground().connect('--partition', 'high', '--cpus-per-task', '32', '--', 'sleep', '1');
      assert.equal(await high.ended, 0, high.stderr);
      assert.equal(await low.ended, HPC_EXIT.preempted, low.stderr);
    });
  });

  test('of 500 tasks is followed to the end of each, in 200 MiB', async () => {
    const job = ground().connect('--array', '1-500', '--submit-option', '--mem=10M', '--', 'true');
    const id = await jobIdOf(job);
    let mostKibibytes = 0;
    const isOver = job.ended.then(() => true);
    const look = async (): Promise<boolean> => {
      const status = await readFile(`/proc/${job.process.pid}/status`, 'utf8').catch(() => '');
      mostKibibytes = Math.max(mostKibibytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      return Promise.race([
        isOver,
        ground()
          .clock.sleep(100)
          .then(() => false),
      ]);
    };
    await seen('its end', look);
    assert.equal(await job.ended, 0, job.stderr);
    assert.ok(mostKibibytes > 0 && mostKibibytes <= 200 * 1024, `${mostKibibytes} KiB`);
    const mark = (await ground().site().cards()).find((card) => card.id === id)?.mark;
    assert.ok(mark !== undefined);
    const folder = await ground().site().folderOf(mark);
    assert.equal((await ground().asUser(`ls ${folder} | grep -c '^status'`)).trim(), '500');
  });
}

/** What Slurm tells apart otherwise, or not at all. */
function testGridEngineAlone(ground: () => HpcGround): void {
  test('that its user cancels there looks killed', async () => {
    const job = ground().connect('--', 'bash', '-c', 'echo begun; sleep 300');
    await seen('that it runs', () => job.stdout.includes('begun') || undefined);
    await ground().asUser(`qdel ${await jobIdOf(job)}`);
    assert.equal(await job.ended, 137, job.stderr);
  });

  test('with a wrong project is refused in the words of the site', async () => {
    const job = ground().connect('--qos', 'nobody', '--', 'true');
    assert.equal(await job.ended, HPC_EXIT.refused);
    assert.match(job.stderr, /the requested project "nobody" does not exist/);
  });

  test('that asks for more memory than it may have is refused it, and ends as it then does', async () => {
    const program = 'head -c 300M /dev/zero | tail >/dev/null || exit 9';
    const job = ground().connect('--memory', '100Mi', '--', 'bash', '-c', program);
    assert.equal(await job.ended, 9, job.stderr);
    assert.match(job.stderr, /memory exhausted/);
  });

  test('that the site requeues is waiting again, not ended', async () => {
    const program = 'echo begun; [ -e requeued ] && echo done || { touch requeued; sleep 300; }';
    const job = ground().connect('--requeue', '--', 'bash', '-c', program);
    await seen('that it runs', () => job.stdout.includes('begun') || undefined);
    await ground().administer(`qmod -rj ${await jobIdOf(job)}`);
    assert.equal(await job.ended, 0, job.stderr);
    assert.equal(job.stdout, 'begun\nbegun\ndone\n');
  });
}

/** Nodes and controllers that fail under a job: one at a time. */
function testDisturbedSlurm(ground: () => HpcGround): void {
  test('whose node fails is told apart', async () => {
    const job = ground().connect(
      '--no-requeue',
      '--submit-option',
      '--nodelist=n3',
      '--',
      'bash',
      '-c',
      'echo begun; sleep 300',
    );
    await seen('that it runs', () => job.stdout.includes('begun') || undefined);
    const { folder } = ground();
    await ground().administer(`kill -9 $(cat ${folder}/slurm/run/slurmd-n3.pid)`);
    assert.equal(await job.ended, HPC_EXIT.nodeFailure, job.stderr);
    await ground().script('slurm', 'up');
  });

  test('goes on while the controller restarts', async () => {
    const gate = ground().gate('restarted');
    const program = `for i in $(seq 5); do echo line $i; [ $i != 2 ] || ${gate.wait}; sleep 0.5; done; exit 4`;
    const job = ground().connect('--', 'bash', '-c', program);
    await seen('that it runs', () => job.stdout.includes('line 2\n') || undefined);
    const { folder } = ground();
    await ground().administer(
      `kill $(cat ${folder}/slurm/run/slurmctld.pid); while scontrol ping | grep -q UP; do sleep 0.2; done`,
    );
    await seen('that Slurm does not answer', () => /does not answer; the job goes on/.test(job.stderr) || undefined);
    await gate.open();
    await ground().script('slurm', 'up');
    assert.equal(await job.ended, 4, job.stderr);
    assert.deepEqual(
      job.stdout.trim().split('\n'),
      Array.from({ length: 5 }, (_, i) => `line ${i + 1}`),
    );
  });
}

/** An execution host that dies with everything on it, and comes back. */
function testLostHost(ground: () => HpcGround): void {
  test('whose node fails is told apart', async () => {
    const job = ground().connect('--no-requeue', '--', 'bash', '-c', 'echo begun; sleep 300');
    await seen('that it runs', () => job.stdout.includes('begun') || undefined);
    const { folder } = ground();
    // All at once: what dies a moment later than another writes down how that ended.
    await ground().administer(`execd=$(cat ${folder}/gridengine/run/execd.pid)
      kill -STOP $execd
      pkill -STOP -x sge_shepherd
      for shepherd in $(pgrep -x sge_shepherd); do
        for job in $(pgrep -P $shepherd); do pkill -STOP -s $job; pkill -9 -s $job; done
        kill -9 $shepherd
      done
      kill -9 $execd
      while grep -q '^State:[[:space:]]*[^Z]' /proc/$execd/status 2>/dev/null; do sleep 0.1; done`);
    await ground().script('gridengine', 'up');
    assert.equal(await job.ended, HPC_EXIT.nodeFailure, job.stderr);
  });
}

function testBrokenLink(ground: () => HpcGround): void {
  test('goes on while the login node is away, and its log has every line once', async () => {
    const gate = ground().gate('reached');
    const program = `for i in $(seq 10); do echo line $i; [ $i != 3 ] || ${gate.wait}; sleep 0.2; done; exit 6`;
    const job = ground().connect('--', 'bash', '-c', program);
    await seen('that it runs', () => job.stdout.includes('line 3\n') || undefined);
    await ground().script('ssh', 'down');
    const { folder } = ground();
    await ground().administer(`pkill -f '^sshd: fermata-hpc' ; true; ls ${folder} >/dev/null`);
    await seen(
      'that the connection is lost',
      () => /the job goes on; lab cannot be reached/.test(job.stderr) || undefined,
    );
    await gate.open();
    await ground().script('ssh', 'up');
    assert.equal(await job.ended, 6, job.stderr);
    assert.deepEqual(
      job.stdout.trim().split('\n'),
      Array.from({ length: 10 }, (_, i) => `line ${i + 1}`),
    );
  });
}
