import { readFile, writeFile } from 'node:fs/promises';
import {
  CAPABILITIES,
  capacityOf,
  type ReportInput,
  reportPage,
  type SweepPoint,
  type Window,
  type World,
} from '../simulation/index.ts';
import { UsageError } from './exit.ts';
import type { SimulateFlags } from './simulate.ts';
import type { SweepLine } from './simulate-sweep.ts';

/** Writes the page of `--report`. */
export async function writeReport(
  path: string,
  flags: SimulateFlags,
  { jobs, world, window, runs }: Pick<ReportInput, 'jobs' | 'runs'> & { world: World; window: Window },
): Promise<void> {
  const source = flags.trace ?? `generated work (${flags.generate})`;
  const page = reportPage({
    title: `Fermata: what scheduling would make of ${source.split('/').at(-1)}`,
    command: `fermata ${process.argv.slice(2).map(quoted).join(' ')}`,
    assumptions: assumptionsOf(flags, world),
    jobs,
    window,
    capacityProcessors: capacityOf(world),
    runs,
    sweep: flags.sweep === undefined ? [] : await sweepPoints(flags.sweep),
  });
  await writeFile(path, page);
}

function assumptionsOf(flags: SimulateFlags, { costs, isPool, nodes }: World): [string, string][] {
  const { storeBytesPerSecond, nodeBytesPerSecond } = costs;
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB/s`;
  return [
    [
      'machine',
      isPool ? 'equal processors, each with a disk of its own; memory is not counted' : `${nodes.length} nodes`,
    ],
    ['arrivals', `times between submissions × ${flags.scaleArrivals}`],
    ['who interrupts', `jobs of priority ${flags.preemptsFrom} and above`],
    ['priorities', flags.priorities ?? "the trace's own, else 0"],
    ['a dump', `${costs.dumpSeconds} s and its bytes`],
    ['a restore', `${costs.restoreSeconds} s and its bytes`],
    ['disks', `${nodeBytesPerSecond === Infinity ? 'without limit' : mib(nodeBytesPerSecond)}, a node`],
    [
      'store',
      storeBytesPerSecond === undefined
        ? 'none: every node reads every checkpoint as if it had made it'
        : `${mib(storeBytesPerSecond)}, shared by uploads in the background and fetches`,
    ],
    ['idle sessions', `suspended by fermata after ${flags.idleAfterSeconds} s`],
    ['memory', `${costs.memoryBytesPerProcessor / 1024 ** 3} GiB a processor, where the trace does not say`],
    ['dumps that fail', `${costs.dumpFailureShare * 100} %`],
    [
      'a killed job',
      `starts from zero after ${costs.restartSeconds} s${costs.applicationCheckpointSeconds === Infinity ? '' : `, or from what it saved itself every ${costs.applicationCheckpointSeconds} s`}`,
    ],
    [
      'failures',
      costs.nodeMtbfSeconds === Infinity
        ? 'none'
        : `every ${costs.nodeMtbfSeconds / 86_400} days a ${isPool ? 'processor' : 'node'}`,
    ],
    [
      'racks, drains, boot',
      [
        costs.rackMtbfSeconds === Infinity
          ? 'racks do not fail'
          : `a rack of ${costs.rackNodes} fails every ${costs.rackMtbfSeconds / 86_400} days`,
        costs.drainEverySeconds === Infinity
          ? 'nodes are not drained'
          : `each node is drained every ${costs.drainEverySeconds / 86_400} days for ${costs.drainSeconds / 3_600} h`,
        `boots in ${costs.bootSeconds} s`,
      ].join('; '),
    ],
    [
      'fermata',
      `the engine of the cluster, with ${Object.keys(CAPABILITIES).join(', ')}${flags.without === undefined ? '' : `; without ${flags.without}`}`,
    ],
    ['seed', flags.seed],
  ];
}

async function sweepPoints(path: string): Promise<SweepPoint[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  try {
    return lines.flatMap((line) => {
      const { settings, metrics } = JSON.parse(line) as SweepLine;
      return metrics.map((one) => ({ settings, policy: one.policy, metrics: one }));
    });
  } catch (error) {
    throw new UsageError(`${path} is not what fermata simulate sweep writes: ${String(error)}`);
  }
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
