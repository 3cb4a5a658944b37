import { cpus, totalmem } from 'node:os';
import { type PreemptionFigures, runPreemptionBench } from '../../bench/preemption.ts';
import type { PreemptionBenchFlags } from './bench.ts';
import { UsageError } from './exit.ts';
import { printResult, table } from './output.ts';
import { inPassingSandbox } from './passing-sandbox.ts';
import { sandboxConfiguration } from './sandbox-start.ts';

const FEWEST_RUNS = 5;
/** Past 2 GiB this kind of machine measures its own page faults. */
const LARGEST_MEBIBYTES = 4_096;

export async function benchPreemption(flags: PreemptionBenchFlags): Promise<void> {
  const runs = Number(flags.runs);
  if (!Number.isInteger(runs) || runs < FEWEST_RUNS) {
    throw new UsageError(`--runs takes a whole number of at least ${FEWEST_RUNS}, not "${flags.runs}"`);
  }
  const sizes = flags.sizes.split(',').map((text) => {
    const size = Number(text);
    if (!Number.isInteger(size) || size < 1 || size > LARGEST_MEBIBYTES) {
      throw new UsageError(
        `--sizes takes whole MiB from 1 to ${LARGEST_MEBIBYTES}, separated by commas, not "${text}"`,
      );
    }
    return size;
  });
  const configuration = await sandboxConfiguration({
    runtime: 'podman',
    nodes: '1',
    nodeCpu: '1',
    nodeMemory: `${Math.max(...sizes) + 512}Mi`,
    nodePods: '10',
    network: 'none',
  });
  await inPassingSandbox('bench', configuration, async ({ sandbox, outputs, log, progress, signal }) => {
    const figures = await runPreemptionBench(sandbox, {
      runs,
      sizesMebibytes: sizes,
      folder: outputs,
      log,
      signal,
      onProgress: (text) => progress.step(text),
    });
    progress.stop();
    const report = { machine: machine(), runs, figures };
    await printResult(report, flags.output, () => describe(report.machine, figures));
  });
}

function machine(): string {
  const processors = cpus();
  return `${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, ${process.platform} ${process.arch}`;
}

function describe(machineText: string, figures: readonly PreemptionFigures[]): string {
  const ms = (value: number): string => `${Math.round(value)}`;
  const rows = figures.map((one) => [
    String(one.victimMebibytes),
    ms(one.createdToRunningMs),
    ms(one.criuDumpMs),
    ms(one.overDumpMs),
    ms(one.agentDumpMs),
    ms(one.restoreMs),
    (one.frozenMicroseconds / 1_000).toFixed(1),
    (one.plainFrozenMicroseconds / 1_000).toFixed(1),
    (one.frozenMicroseconds / one.plainFrozenMicroseconds).toFixed(2),
  ]);
  return `${machineText}\n${table(
    [
      'VICTIM MiB',
      'CREATED→RUNNING ms',
      'CRIU DUMP ms',
      'OVER DUMP ms',
      'AGENT DUMP ms',
      'RESTORE ms',
      'FROZEN ms',
      'PLAIN PODMAN ms',
      'RATIO',
    ],
    rows,
  )}`;
}
