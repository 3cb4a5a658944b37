import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { ageTexts, createKeyFolder, newAgeIdentity } from '../src/checkpoint/index.ts';
import { quantityUnits } from '../src/model/index.ts';
import { writeChanged, writeDump } from './archive-dump.ts';
import { podmanExports } from './archive-podman.ts';
import type { StepResult } from './archive-step.ts';

/**
 * A dump's directory to a store and verified, and back to a directory: `node bench/archive.ts [--size 1GiB] [--runs 3]`. Each step is a
 * process of its own, whose largest memory is told. Beside it, in the same run, what the machine's own programs take. Printed beside the
 * budgets, never asserted. `--alone`: only what is encrypted, without the other programs, for sizes that they are not asked for.
 */
const CHANGED = 0.05;
const STEP = new URL('./archive-step.ts', import.meta.url).pathname;
const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '1GiB' },
    runs: { type: 'string', default: '3' },
    output: { type: 'string', default: 'text' },
    alone: { type: 'boolean', default: false },
    /** Where everything lies meanwhile; five times the size must fit. */
    directory: { type: 'string', default: tmpdir() },
  },
});
const bytes = quantityUnits(values.size.replace(/B$/, ''));
const runs = Number(values.runs);
const root = mkdtempSync(join(values.directory, 'fermata-bench-archive-'));
const at = (...parts: string[]): string => join(root, ...parts);

interface Measured {
  name: string;
  seconds: number[];
  processorSeconds: number[];
  peakMebibytes: number[];
  sentBytes: number | undefined;
}
const measured = new Map<string, Measured>();

const storedBy = (kind: string): string => `${kind}: stored`;
const SECOND = 'encrypted: second, 5 % changed';
const SECOND_BESIDE = 'the same, beside the first';
const DISK = 'cp, fsync';
const ZSTD = 'tar | zstd -1 -T0';
const PODMAN = 'podman checkpoint --export, zstd';
const PODMAN_EXPORT = 'the same without runc and CRIU';

function note(name: string, seconds: number, step?: Partial<StepResult>): void {
  const empty = { name, seconds: [], processorSeconds: [], peakMebibytes: [], sentBytes: undefined };
  const entry = measured.get(name) ?? empty;
  measured.set(name, entry);
  entry.seconds.push(seconds);
  if (step?.processorSeconds !== undefined) entry.processorSeconds.push(step.processorSeconds);
  if (step?.peakMebibytes !== undefined) entry.peakMebibytes.push(step.peakMebibytes);
  if (step?.sentBytes !== undefined) entry.sentBytes = step.sentBytes;
}

async function step(name: string, parameters: Record<string, string>): Promise<void> {
  const flags = Object.entries(parameters).flatMap(([flag, value]) => [`--${flag}`, value]);
  const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', STEP, ...flags]);
  const result = JSON.parse(stdout) as StepResult;
  note(name, result.seconds, result);
}

/** With everything on stable storage at its end, as a stored archive is. */
async function shell(name: string, command: string): Promise<void> {
  const began = performance.now();
  const { stdout } = await run('bash', ['-o', 'pipefail', '-c', `${command} && times`], { cwd: root });
  note(name, (performance.now() - began) / 1000, { processorSeconds: childrensSeconds(stdout) });
}

/** Of bash's `times`: its second line has user and system time of its children, as `0m1.234s 0m0.567s`. */
function childrensSeconds(text: string): number {
  const stamps = [...(text.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return stamps.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}

function isThere(program: string): boolean {
  try {
    execFileSync('bash', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function round(): Promise<void> {
  for (const kind of values.alone ? ['encrypted'] : ['plain', 'zstd', 'encrypted']) {
    const shared = { keys: at('keys'), store: at(`store-${kind}`), kind, recipients: at('recipients') };
    await step(storedBy(kind), { ...shared, do: 'upload', archive: 'one', directory: at('dump') });
    await step(`${kind}: back`, { ...shared, do: 'download', archive: 'one', directory: at('back') });
    rmSync(at('back'), { recursive: true });
    if (kind === 'encrypted') {
      const second = { ...shared, archive: 'two', 'based-on': 'one' };
      await step(SECOND, { ...second, do: 'upload', directory: at('changed') });
      const beside = { ...second, archive: 'beside', earlier: at('dump') };
      await step(SECOND_BESIDE, { ...beside, do: 'upload', directory: at('changed') });
      await step('encrypted: second, back', { ...shared, do: 'download', archive: 'two', directory: at('back') });
      rmSync(at('back'), { recursive: true });
    }
    rmSync(at(`store-${kind}`), { recursive: true });
  }
  if (values.alone) return;
  await shell(DISK, 'cp dump/pages-1.img copy && sync copy && rm copy');
  if (isThere('zstd')) {
    await shell(ZSTD, 'tar -c dump | zstd -q -1 -T0 > out && sync out && rm out');
    if (existsSync(AGE)) {
      await shell(
        'tar | zstd -1 -T0 | age',
        `tar -c dump | zstd -q -1 -T0 | ${AGE} -R recipients > out && sync out && rm out`,
      );
    }
  }
}

/** Where the tests keep Debian's. */
const AGE = new URL('../node_modules/.cache/age/age', import.meta.url).pathname;

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

interface Budget {
  name: string;
  ratio: number;
  least?: number;
  most?: number;
}

/** What could be measured of the budgets; ratios of medians of one run. */
function budgets(): Budget[] {
  const seconds = (name: string): number => median(measured.get(name)?.seconds ?? []);
  const encrypted = seconds(storedBy('encrypted'));
  const peaks = [...measured.values()].flatMap(({ peakMebibytes }) => peakMebibytes);
  const ratios: Budget[] = [
    {
      name: 'encrypted against the slower of cp and zstd',
      ratio: Math.max(seconds(DISK), seconds(ZSTD)) / encrypted,
      least: 0.9,
    },
    { name: "encrypted against Podman's export", ratio: seconds(PODMAN_EXPORT) / encrypted, least: 1.5 },
    { name: 'second against first', ratio: encrypted / seconds(SECOND), least: 5 },
    { name: "second against first, beside the first's files", ratio: encrypted / seconds(SECOND_BESIDE), least: 5 },
    { name: 'peak MiB', ratio: Math.max(...peaks), most: 256 },
  ];
  return ratios
    .filter(({ ratio }) => !Number.isNaN(ratio))
    .map((budget) => ({ ...budget, ratio: Number(budget.ratio.toFixed(2)) }));
}

try {
  await createKeyFolder(at('keys'));
  writeFileSync(at('recipients'), `${ageTexts(newAgeIdentity()).recipient}\n`);
  mkdirSync(at('dump'));
  writeDump(at('dump'), bytes);
  writeChanged(at('dump'), at('changed'), bytes, CHANGED);
  const loadBefore = loadavg()[0] ?? 0;
  for (let number = 0; number < runs; number++) await round();
  for (const { seconds, exportSeconds } of (values.alone ? undefined : await podmanExports(root, at('dump'), runs)) ??
    []) {
    note(PODMAN, seconds);
    note(PODMAN_EXPORT, exportSeconds);
  }
  const steps = [...measured.values()].map(({ name, seconds, processorSeconds, peakMebibytes, sentBytes }) => ({
    name,
    processorSeconds: processorSeconds.length === 0 ? undefined : Number(median(processorSeconds).toFixed(2)),
    mebibytesPerSecond: Math.round(bytes / 2 ** 20 / median(seconds)),
    peakMebibytes: peakMebibytes.length === 0 ? undefined : Math.max(...peakMebibytes),
    sentBytes,
  }));
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadBefore.toFixed(1)} before and ${(loadavg()[0] ?? 0).toFixed(1)} after, Node ${process.version}`;
  if (values.output === 'json') {
    process.stdout.write(
      `${JSON.stringify({ machine, sizeBytes: bytes, runs, steps, budgets: budgets() }, undefined, 2)}\n`,
    );
  } else {
    process.stdout.write(`${machine}\n${values.size}, medians of ${runs}\n`);
    process.stdout.write(`${'step'.padEnd(34)}  MiB/s  CPU s  peak MiB  sent MiB\n`);
    for (const { name, mebibytesPerSecond, processorSeconds, peakMebibytes, sentBytes } of steps) {
      const sent = sentBytes === undefined ? '' : (sentBytes / 2 ** 20).toFixed(0);
      const figures = [
        String(mebibytesPerSecond).padStart(5),
        String(processorSeconds ?? '').padStart(5),
        String(peakMebibytes ?? '').padStart(8),
        sent.padStart(8),
      ];
      process.stdout.write(`${[name.padEnd(34), ...figures].join('  ').trimEnd()}\n`);
    }
    for (const { name, ratio, least, most } of budgets()) {
      const limit = least === undefined ? `at most ${most}` : `at least ${least}`;
      process.stdout.write(`${name}: ${ratio} (${limit})\n`);
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
