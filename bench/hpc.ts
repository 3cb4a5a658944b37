import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { HpcGround, jobIdOf, seen } from '../test/hpc/ground.ts';

/**
 * What the connector adds to a plain `sbatch --wait` over the same ssh, on a Slurm of its own on this machine: `node bench/hpc.ts
 * [--output json]`, as root. Printed, never asserted.
 */
const run = promisify(execFile);
const RUNS = 5;
const LOG_LINES = 30;
const FOLLOWED = [1, 100, 500];
/** The connector asks the batch system every ten seconds at most. */
const WATCHED_SECONDS = 30;

const { values } = parseArgs({ options: { output: { type: 'string', default: 'text' } } });
progress('a Slurm of its own is started');
// However this ends, what was started ends with it.
const ground = await HpcGround.start('slurm');
try {
  const report = {
    machine: machine(),
    load: loadavg().map((load) => Number(load.toFixed(1))),
    runs: RUNS,
    ...(await latencies()),
    logLag: await logLag(),
    followed: await followed(),
  };
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : text(report));
} finally {
  await ground.stop();
}

type Report = Awaited<ReturnType<typeof latencies>> & {
  machine: string;
  /** Of the last 1, 5 and 15 minutes before. */
  load: number[];
  runs: number;
  logLag: number;
  followed: Followed[];
};

interface Followed {
  jobs: number;
  queriesPerMinute: number;
  rssMebibytes: number;
}

/** Medians, ms: process started → the site has the job; the job's last instant → its end is known here. */
async function latencies() {
  const mine = { accepted: [] as number[], noticed: [] as number[] };
  const plain = { accepted: [] as number[], noticed: [] as number[] };
  for (let round = 0; round < RUNS; round++) {
    progress(`latencies, run ${round + 1} of ${RUNS}`);
    const began = Date.now();
    const job = ground.connect('--', 'bash', '-c', 'sleep 1; date +%s%N');
    await seen('the submit', () => / job \d+ on /.test(job.stderr));
    mine.accepted.push(Date.now() - began);
    await job.ended;
    mine.noticed.push(Date.now() - instant(job.stdout));

    const ssh = ['-F', join(ground.folder, 'ssh', 'config'), 'lab'];
    const beganPlain = Date.now();
    await run('ssh', [...ssh, 'sbatch', '--parsable', '--wrap=true']);
    plain.accepted.push(Date.now() - beganPlain);
    const wrapped = `date +%s%N > ${ground.folder}/home/ended`;
    await run('ssh', [...ssh, `sbatch --wait --parsable --wrap='sleep 1; ${wrapped}'`]);
    plain.noticed.push(Date.now() - instant(await readFile(join(ground.folder, 'home', 'ended'), 'utf8')));
  }
  return {
    submitToAccepted: { fermata: median(mine.accepted), sbatch: median(plain.accepted) },
    endToNoticed: { fermata: median(mine.noticed), sbatchWait: median(plain.noticed) },
  };
}

/** Median, ms: a line is printed there → it is here. */
async function logLag(): Promise<number> {
  progress('log lag');
  const job = ground.connect('--', 'bash', '-c', `for i in $(seq ${LOG_LINES}); do date +%s%N; sleep 0.3; done`);
  const lags: number[] = [];
  job.process.stdout?.on('data', (chunk: string) => {
    for (const line of chunk.trim().split('\n')) lags.push(Date.now() - instant(line));
  });
  await job.ended;
  return median(lags);
}

/** One connector and so many jobs (tasks of an array): how often Slurm is asked for jobs, as its own diagnostics count it. */
async function followed(): Promise<Followed[]> {
  const results: Followed[] = [];
  for (const jobs of FOLLOWED) {
    progress(`${jobs} jobs followed`);
    const job = ground.connect(
      '--queue-interval',
      '10',
      '--array',
      `1-${jobs}`,
      '--submit-option',
      '--mem=50M',
      '--',
      'sleep',
      '600',
    );
    await jobIdOf(job);
    await seen('that it runs', () => /running/.test(job.stderr));
    const before = await questions();
    await ground.clock.sleep(WATCHED_SECONDS * 1000);
    const asked = (await questions()) - before;
    const status = await readFile(`/proc/${job.process.pid}/status`, 'utf8');
    results.push({
      jobs,
      queriesPerMinute: (asked * 60) / WATCHED_SECONDS,
      rssMebibytes: Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024),
    });
    job.process.kill('SIGKILL');
    await job.ended;
    await ground.administer('scancel -u fermata-hpc; while [ -n "$(squeue -h)" ]; do sleep 0.5; done');
  }
  return results;
}

/** Of squeue and scontrol; each squeue sends two small requests besides (partitions, federation). */
async function questions(): Promise<number> {
  const diagnostics = await ground.administer('sdiag');
  const counts = [...diagnostics.matchAll(/^\s*REQUEST_JOB_(?:USER_INFO|INFO|INFO_SINGLE)\s.*count:(\d+)/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** ms, from `date +%s%N`. */
function instant(text: string): number {
  return Number(BigInt(text.trim()) / 1_000_000n);
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((one, other) => one - other);
  return Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0);
}

function progress(what: string): void {
  process.stderr.write(`${what}\n`);
}

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model ?? 'unknown'}, Node ${process.versions.node}`;
}

function text(report: Report): string {
  const { submitToAccepted: submit, endToNoticed: end } = report;
  return `${[
    `${report.machine}, load ${report.load.join(' ')}; medians of ${report.runs}`,
    `submit → accepted        ${submit.fermata} ms; ssh and sbatch ${submit.sbatch} ms (× ${(submit.fermata / submit.sbatch).toFixed(1)})`,
    `end → noticed            ${end.fermata} ms; ssh and sbatch --wait ${end.sbatchWait} ms (× ${(end.fermata / end.sbatchWait).toFixed(2)})`,
    `line printed → here      ${report.logLag} ms`,
    ...report.followed.map(
      ({ jobs, queriesPerMinute, rssMebibytes }) =>
        `${String(jobs).padStart(3)} jobs followed        ${queriesPerMinute} questions to Slurm a minute, ${rssMebibytes} MiB`,
    ),
  ].join('\n')}\n`;
}
