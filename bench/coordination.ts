import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDumpStatistics } from '../src/checkpoint/index.ts';
import { locateToolchain } from '../src/cli/index.ts';
import { SystemClock } from '../src/clock/index.ts';
import { CoordinationServer, Coordinator, HOOK_PATH, MemoryState } from '../src/coordination/index.ts';
import { SILENT_LOG } from '../src/model/index.ts';

/**
 * What coordination adds to a freeze window: `node bench/coordination.ts [--output json]`. Printed, never asserted. Simulated
 * members share one process with each other and the machine with the server, so their figures are from above.
 */
const SIZES = [2, 8, 64, 512];
const CRIU_SIZES = [2, 8];
const NO_WARNING = '--disable-warning=ExperimentalWarning';
const HOOK_RUNS = 30;
const PROCESSOR_RUNS = 200;
const CRIU_ROUNDS = 9;

const { values } = parseArgs({ options: { output: { type: 'string', default: 'text' } } });
const parts = { clock: new SystemClock(), log: SILENT_LOG };
const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
const server = new CoordinationServer({ ...parts, coordinator }, { address: '127.0.0.1', port: 0 });
await server.start();
const folder = mkdtempSync(join(tmpdir(), 'fermata-bench-'));
/** Has all freeze at one instant; behind the dump it is the least that any hook is. */
const barrierHook = join(folder, 'barrier.sh');
writeFileSync(barrierHook, `#!/bin/sh\n[ "$CRTOOLS_SCRIPT_ACTION" = pre-dump ] && exec ${HOOK_PATH}\nexit 0\n`, {
  mode: 0o700,
});

interface Spread {
  median: number;
  p90: number;
  max: number;
}

function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const rounded = (figure: number): number => Math.round(figure * 100) / 100;
  return { median: rounded(at(0.5)), p90: rounded(at(0.9)), max: rounded(at(1)) };
}

/** What simulated members have seen, in a process of their own beside the server's. */
async function simulate(work: 'barrier' | 'throughput', members: number): Promise<number[]> {
  const file = join(import.meta.dirname, 'coordination-members.ts');
  const child = fork(file, [work, String(server.port), String(members)], { execArgv: [NO_WARNING] });
  const [[figures]] = (await Promise.all([once(child, 'message'), once(child, 'exit')])) as [[number[]], unknown];
  return figures;
}

function environment(member: Record<string, string>): Record<string, string> {
  const none = join(folder, 'none');
  const fixed = { FERMATA_COORDINATOR_PORT: String(server.port), FERMATA_COORDINATOR_CONFIG: none };
  return { PATH: process.env.PATH ?? '', ...fixed, ...member };
}

/** Start to exit. */
async function program(command: string, args: readonly string[], env: Record<string, string>): Promise<Spread> {
  const took: number[] = [];
  for (let index = 0; index < HOOK_RUNS; index++) {
    const began = performance.now();
    const child = spawn(command, args, { stdio: 'ignore', env });
    await once(child, 'exit');
    took.push(performance.now() - began);
  }
  return spread(took);
}

/** What a run takes of a processor, starting it included, ms; unlike its duration no other work changes that. */
async function processorMilliseconds(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<number> {
  const script = `for ((run = 0; run < ${PROCESSOR_RUNS}; run++)); do "$@"; done; times`;
  // No socket for its input: bash would take itself for a remote shell, and read .bashrc.
  const child = spawn('bash', ['-c', script, 'bash', command, ...args], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  await once(child, 'close');
  // The second line is of the children: user and system.
  const times = [...(output.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = times.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
  return Math.round((seconds / PROCESSOR_RUNS) * 100_000) / 100;
}

/**
 * Ways to dump small processes at once. `alone`: no hook. `together`: all freeze at the same instant, by the barrier at `pre-dump`, and
 * nobody waits behind its dump, where a hook only starts and ends. `group`: as the product does it.
 */
type Manner = 'alone' | 'together' | 'group';

/** CRIU's own frozen times of one size, ms. */
interface FrozenTimes {
  /** Each member's, dumped without a hook. */
  alone: Spread;
  /** Of each round of `together` the longest: so long somebody has to stand still for a cut at one instant. */
  untilTheLast: Spread;
  /** Each member's, as a group. */
  group: Spread;
  /** Of each round: what a member of the group stands still longer than the longest of `together` just before it. */
  added: Spread;
}

/** Rounds of the three manners one after the other, so that each meets the same load. */
async function frozenTimes(criu: string, members: number): Promise<FrozenTimes> {
  const figures: { [each in keyof FrozenTimes]: number[] } = { alone: [], untilTheLast: [], group: [], added: [] };
  const sleepers = Array.from({ length: members }, () =>
    spawn('sleep', ['600'], { stdio: 'ignore', detached: true, cwd: '/' }),
  );
  const dumped = (manner: Manner, round: number): Promise<number[]> =>
    Promise.all(sleepers.map((sleeper, index) => dump(criu, sleeper, { members, index, round, manner })));
  try {
    for (let round = 0; round < CRIU_ROUNDS; round++) {
      figures.alone.push(...(await dumped('alone', round)));
      const longest = Math.max(...(await dumped('together', round)));
      const group = await dumped('group', round);
      figures.untilTheLast.push(longest);
      figures.group.push(...group);
      figures.added.push(spread(group).median - longest);
    }
  } finally {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL');
  }
  return {
    alone: spread(figures.alone),
    untilTheLast: spread(figures.untilTheLast),
    group: spread(figures.group),
    added: spread(figures.added),
  };
}

async function dump(
  criu: string,
  sleeper: ChildProcess,
  which: { members: number; index: number; round: number; manner: Manner },
): Promise<number> {
  const { members, index, round, manner } = which;
  const images = join(folder, `${members}-${index}-${round}-${manner}`);
  mkdirSync(images);
  const hook = { alone: [], together: ['--action-script', barrierHook], group: ['--action-script', HOOK_PATH] }[manner];
  const member = {
    FERMATA_COORDINATOR_ID: `m${index}`,
    FERMATA_COORDINATOR_SESSION: manner,
    FERMATA_COORDINATOR_GROUP: `g${members}`,
    FERMATA_COORDINATOR_MEMBERS: String(members),
  };
  const args = ['dump', '-t', String(sleeper.pid), '-D', images, '-W', images, '-o', 'dump.log', '--leave-running'];
  const child = spawn(criu, [...args, ...hook], { stdio: 'ignore', env: environment(member), cwd: '/' });
  const [status] = (await once(child, 'exit')) as [number];
  if (status !== 0) throw new Error(`CRIU ended with status ${status}; see ${images}/dump.log`);
  return (await readDumpStatistics(images)).frozenMicroseconds / 1_000;
}

try {
  const hook = { CRTOOLS_SCRIPT_ACTION: 'pre-dump', CRTOOLS_IMAGE_DIR: folder, FERMATA_COORDINATOR_ID: 'hook' };
  const hookMilliseconds = {
    'bash -c :': await program('bash', ['-c', ':'], environment({})),
    hook: await program(HOOK_PATH, [], environment(hook)),
    ...(spawnSync('perl', ['-e', '1']).status === 0 && {
      'perl -MSocket -e 1': await program('perl', ['-MSocket', '-e', '1'], environment({})),
    }),
    'node -e 0': await program(process.execPath, ['-e', '0'], environment({})),
  };
  const hookProcessorMilliseconds = {
    'sh -c :': await processorMilliseconds('sh', ['-c', ':'], environment({})),
    'bash -c :': await processorMilliseconds('bash', ['-c', ':'], environment({})),
    hook: await processorMilliseconds(HOOK_PATH, [], environment(hook)),
  };
  const barrierMilliseconds: Record<string, Spread> = {};
  for (const members of SIZES) barrierMilliseconds[members] = spread(await simulate('barrier', members));
  const { criu } = await locateToolchain();
  const usable = criu?.checkPassed === true && process.getuid?.() === 0 ? criu.path : undefined;
  const frozenMilliseconds: Record<string, FrozenTimes> = {};
  for (const members of CRIU_SIZES) {
    if (usable !== undefined) frozenMilliseconds[members] = await frozenTimes(usable, members);
  }
  const result = {
    hookMilliseconds,
    hookProcessorMilliseconds,
    barrierMilliseconds,
    frozenMilliseconds,
    hooksPerSecond: (await simulate('throughput', 8))[0] ?? 0,
  };
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result, undefined, 2)}\n` : text(result));
} finally {
  await server.stop();
  rmSync(folder, { recursive: true });
}

function text(result: {
  hookMilliseconds: Record<string, Spread>;
  hookProcessorMilliseconds: Record<string, number>;
  barrierMilliseconds: Record<string, Spread>;
  frozenMilliseconds: Record<string, FrozenTimes>;
  hooksPerSecond: number;
}): string {
  const line = (what: string, { median, p90, max }: Spread): string =>
    `${what.padEnd(44)} ${String(median).padStart(8)} ${String(p90).padStart(8)} ${String(max).padStart(8)}\n`;
  return [
    `${'ms'.padEnd(44)} ${'median'.padStart(8)} ${'p90'.padStart(8)} ${'max'.padStart(8)}\n`,
    ...Object.entries(result.hookMilliseconds).map(([what, figures]) => line(`start to exit: ${what}`, figures)),
    ...Object.entries(result.hookProcessorMilliseconds).map(
      ([what, figure]) => `${`processor time: ${what}`.padEnd(44)} ${String(figure).padStart(8)}\n`,
    ),
    ...Object.entries(result.barrierMilliseconds).map(([members, figures]) =>
      line(`barrier, ${members} members`, figures),
    ),
    ...Object.entries(result.frozenMilliseconds).flatMap(([members, { alone, untilTheLast, group, added }]) => [
      line(`CRIU frozen, ${members} at once, no hook`, alone),
      line(`  from one instant until the last is dumped`, untilTheLast),
      line(`  as a group`, group),
      line(`  added by hook and verdict`, added),
    ]),
    `hooks answered a second ${result.hooksPerSecond}\n`,
    canNote(result.frozenMilliseconds),
  ].join('');
}

function canNote(frozen: object): string {
  return Object.keys(frozen).length > 0
    ? ''
    : 'no dumps: CRIU does not work here, or this is not root (fermata doctor)\n';
}
