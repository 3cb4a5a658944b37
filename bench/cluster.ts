import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { connect } from '../test/cluster/cluster.ts';
import { NODES_HERE } from '../test/cluster/fermata-on-nodes.ts';
import { benchGroups, type GroupFigures } from './cluster-groups.ts';
import { benchInterruption, type InterruptionBench } from './cluster-interruption.ts';
import { benchScheduling, type SchedulingFigures } from './cluster-scheduling.ts';

/**
 * Fermata on the cluster that KUBECONFIG names, beside kube-scheduler and a move by hand: `node bench/cluster.ts [--runs 3]
 * [--pods 5000] [--kube-scheduler FILE] [--only groups] [--output json]`. Interruptions and groups are measured where FERMATA_TEST_NODES says how to reach
 * the nodes (`test/cluster/fermata-on-nodes.ts`). Printed, never asserted.
 */
const SIZES_MEBIBYTES = [8, 64, 256];
const GROUP_MEBIBYTES = 64;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    pods: { type: 'string', default: '5000' },
    'kube-scheduler': { type: 'string' },
    only: { type: 'string' },
    output: { type: 'string', default: 'text' },
  },
});
const runs = Number(values.runs);
const pods = Number(values.pods);
const kubeScheduler = values['kube-scheduler'];
const onProgress = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const load = (): string =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(' ');

const store = connect();
const { major, minor } = await store.version();
await store.close();
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
const loads = [load()];
const wants = (part: string): boolean => values.only === undefined || values.only === part;
const scheduling = wants('scheduling')
  ? await benchScheduling({ runs, pods, ...(kubeScheduler && { kubeScheduler }), onProgress })
  : undefined;
loads.push(load());
const interruption =
  NODES_HERE !== undefined && wants('interruption')
    ? await benchInterruption({ runs, sizesMebibytes: SIZES_MEBIBYTES, onProgress })
    : undefined;
loads.push(load());
const groups =
  NODES_HERE !== undefined && wants('groups')
    ? await benchGroups({ runs, mebibytes: GROUP_MEBIBYTES, onProgress })
    : undefined;
loads.push(load());
const report = { machine, kubernetes: `${major}.${minor}`, loads, scheduling, interruption, groups };
process.stdout.write(values.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : text());

function text(): string {
  const lines = [`${machine}, Kubernetes ${major}.${minor}; load before, between and behind: ${loads.join(' · ')}`];
  if (scheduling !== undefined) lines.push(...schedulingLines(scheduling));
  if (groups !== undefined) lines.push(...groupLines(groups));
  if (interruption !== undefined) lines.push(...interruptionLines(interruption));
  for (const { process: name, when, load: one } of [...(scheduling?.loads ?? []), ...(interruption?.loads ?? [])]) {
    lines.push(
      `${name}, ${when}: ${one.cpuPercent} % CPU, ${one.residentMebibytes} MiB (at most ${one.peakMebibytes})`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function schedulingLines({ nodes, pods: count, backlog, live, start }: SchedulingFigures): string[] {
  const rates = ({ apiServer, fermata, kubeScheduler: other }: typeof backlog): string => {
    const beside = other === undefined ? '' : `, kube-scheduler ${other} (${(fermata / other).toFixed(1)} ×)`;
    return `API server ${apiServer} pods/s, Fermata ${fermata} (${(fermata / apiServer).toFixed(2)} ×)${beside}`;
  };
  const beside = start.kubeScheduler === undefined ? '' : `, kube-scheduler ${start.kubeScheduler}`;
  return [
    `backlog of ${count} pods, ${nodes} nodes: ${rates(backlog)}`,
    `live: ${rates(live)}`,
    `start to first bind with ${start.standingPods} pods, ms: Fermata ${start.fermata}${beside}`,
  ];
}

function interruptionLines({ figures }: InterruptionBench): string[] {
  return figures.flatMap(({ victimMebibytes, createdToRunning, gap, frozen, steps, byHand }) => [
    `${victimMebibytes} MiB, ms: created→running ${createdToRunning}, gap ${gap}, frozen ${frozen}`,
    `  ${Object.entries(steps)
      .map(([step, milliseconds]) => `${step} ${milliseconds}`)
      .join(', ')}`,
    ...(byHand === undefined
      ? []
      : [
          `  by hand: gap ${byHand.gap} (Fermata ${(gap / byHand.gap).toFixed(2)} ×), checkpoint ${byHand.checkpoint}, push ${byHand.push}, created→running ${byHand.createdToRunning}`,
        ]),
  ]);
}

function groupLines({ members, mebibytes, gap, frozen, added }: GroupFigures): string[] {
  const manners = (figures: typeof gap): string =>
    `alone ${figures.alone}, at once ${figures.together}, group ${figures.group}`;
  return [
    `group of ${members}, ${mebibytes} MiB each, ms: a member stands still ${manners(gap)}; in a group ${added} longer than alone`,
    `  frozen by CRIU: ${manners(frozen)}`,
  ];
}
