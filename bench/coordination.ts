import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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
const CRIU_ROUNDS = 5;

const { values } = parseArgs({ options: { output: { type: 'string', default: 'text' } } });
const parts = { clock: new SystemClock(), log: SILENT_LOG };
const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
const server = new CoordinationServer({ ...parts, coordinator }, { address: '127.0.0.1', port: 0 });
await server.start();
const folder = mkdtempSync(join(tmpdir(), 'fermata-bench-'));

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

/** CRIU's own frozen time of so many small processes dumped at once, ms. */
async function dumps(criu: string, members: number, coordinated: boolean): Promise<Spread> {
  const frozen: number[] = [];
  const sleepers = Array.from({ length: members }, () =>
    spawn('sleep', ['600'], { stdio: 'ignore', detached: true, cwd: '/' }),
  );
  try {
    for (let round = 0; round < CRIU_ROUNDS; round++) {
      frozen.push(
        ...(await Promise.all(
          sleepers.map((sleeper, index) => dump(criu, sleeper, { members, index, round, coordinated })),
        )),
      );
    }
  } finally {
    for (const sleeper of sleepers) sleeper.kill('SIGKILL');
  }
  return spread(frozen);
}

async function dump(
  criu: string,
  sleeper: ChildProcess,
  which: { members: number; index: number; round: number; coordinated: boolean },
): Promise<number> {
  const { members, index, round, coordinated } = which;
  const images = join(folder, `${members}-${index}-${round}-${coordinated}`);
  mkdirSync(images);
  const hook = coordinated ? ['--action-script', HOOK_PATH] : [];
  const member = {
    FERMATA_COORDINATOR_ID: `m${index}`,
    FERMATA_COORDINATOR_SESSION: 'criu',
    FERMATA_COORDINATOR_GROUP: `g${members}`,
    FERMATA_COORDINATOR_MEMBERS: String(members),
  };
  const args = [
    'dump',
    '-t',
    String(sleeper.pid),
    '-D',
    images,
    '-W',
    images,
    '-o',
    'dump.log',
    '--leave-running',
    ...hook,
  ];
  const child = spawn(criu, args, { stdio: 'ignore', env: environment(member), cwd: '/' });
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
  const barrierMilliseconds: Record<string, Spread> = {};
  for (const members of SIZES) barrierMilliseconds[members] = spread(await simulate('barrier', members));
  const { criu } = await locateToolchain();
  const usable = criu?.checkPassed === true && process.getuid?.() === 0 ? criu.path : undefined;
  const frozenMilliseconds: Record<string, { alone: Spread; coordinated: Spread }> = {};
  for (const members of CRIU_SIZES) {
    if (usable === undefined) break;
    const alone = await dumps(usable, members, false);
    frozenMilliseconds[members] = { alone, coordinated: await dumps(usable, members, true) };
  }
  const result = {
    hookMilliseconds,
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
  barrierMilliseconds: Record<string, Spread>;
  frozenMilliseconds: Record<string, { alone: Spread; coordinated: Spread }>;
  hooksPerSecond: number;
}): string {
  const line = (what: string, { median, p90, max }: Spread): string =>
    `${what.padEnd(44)} ${String(median).padStart(8)} ${String(p90).padStart(8)} ${String(max).padStart(8)}\n`;
  return [
    `${'ms'.padEnd(44)} ${'median'.padStart(8)} ${'p90'.padStart(8)} ${'max'.padStart(8)}\n`,
    ...Object.entries(result.hookMilliseconds).map(([what, figures]) => line(`start to exit: ${what}`, figures)),
    ...Object.entries(result.barrierMilliseconds).map(([members, figures]) =>
      line(`barrier, ${members} members`, figures),
    ),
    ...Object.entries(result.frozenMilliseconds).flatMap(([members, { alone, coordinated }]) => [
      line(`CRIU frozen, ${members} at once, uncoordinated`, alone),
      line(`CRIU frozen, ${members} at once, as a group`, coordinated),
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
