import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type FaultProfile, runSeed } from '../src/soak/index.ts';

/**
 * Virtual days a second of the soak, one thread: `node bench/soak.ts [--seeds 3]`. Printed, never asserted. A day a second of
 * processor time is told beside the day a second of the clock on the wall, for machines that do other things too.
 */
const RUNGS: readonly { nodes: number; workloadsPerDay: number; days: number; faults: FaultProfile }[] = [
  { nodes: 2, workloadsPerDay: 12, days: 5, faults: 'none' },
  { nodes: 2, workloadsPerDay: 12, days: 5, faults: 'swarm' },
  { nodes: 5, workloadsPerDay: 50, days: 2, faults: 'swarm' },
  { nodes: 20, workloadsPerDay: 1, days: 10, faults: 'none' },
  { nodes: 20, workloadsPerDay: 200, days: 2, faults: 'none' },
  { nodes: 20, workloadsPerDay: 200, days: 2, faults: 'swarm' },
];

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '3' } } });
const seeds = Number(values.seeds);
/** As in the threads of the soak, which read stacks only of runs that break off. */
Error.stackTraceLimit = 0;
process.on('unhandledRejection', (error: unknown) => {
  if (!(error instanceof Error && error.name === 'ProcessKilled')) throw error;
});

const gibibytes = Math.round(totalmem() / 2 ** 30);
const load = (): string =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(' ');
process.stdout.write(
  `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${gibibytes} GiB, load ${load()}, Node ${process.version}\n`,
);
process.stdout.write('nodes  a day  faults     days  events  interruptions  crashes   days/s  days/cpu-s\n');
for (const { days, ...rung } of RUNGS) {
  // What the compiler learns belongs to no rung.
  await runSeed({ ...rung, seed: 1_000, days: Math.min(days, 2) });
  let events = 0;
  let interruptions = 0;
  let crashes = 0;
  const began = performance.now();
  const processor = process.cpuUsage();
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await runSeed({ ...rung, seed, days });
    events += result.events;
    interruptions += result.interruptions;
    crashes += result.crashes;
  }
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(processor);
  const figures = [
    String(rung.nodes).padStart(5),
    String(rung.workloadsPerDay).padStart(5),
    rung.faults.padEnd(7),
    String(days * seeds).padStart(6),
    String(events).padStart(6),
    String(interruptions).padStart(13),
    String(crashes).padStart(7),
    ((days * seeds) / seconds).toFixed(2).padStart(7),
    ((days * seeds * 1e6) / (user + system)).toFixed(2).padStart(10),
  ];
  process.stdout.write(`${figures.join('  ')}\n`);
}
process.stdout.write(`load at the end ${load()}\n`);
