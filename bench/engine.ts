import { parseArgs } from 'node:util';
import { type ClusterEvent, Engine } from '../src/scheduling/index.ts';

/**
 * The engine alone, one thread, no API server: `node bench/engine.ts [--case basic|preemption] [--nodes N] [--pods N]
 * [--output json]`. Shapes of kube-scheduler's scheduler_perf: nodes of 4 cpu and 32 GiB with room for 110 pods, pods of
 * 100m and 500 Mi; in the preemption case 4 pods of 900m fill each node first.
 */
const { values } = parseArgs({
  options: {
    case: { type: 'string', default: 'basic' },
    nodes: { type: 'string', default: '5000' },
    pods: { type: 'string', default: '10000' },
    output: { type: 'string', default: 'text' },
  },
});
const nodes = Number(values.nodes);
const pods = Number(values.pods);
const START = Date.UTC(2026, 0, 1);
const CREATED = '2026-01-01T00:00:00Z';

function nodeEvent(index: number): ClusterEvent {
  const name = `node-${String(index).padStart(5, '0')}`;
  return {
    type: 'NodeChanged',
    node: {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        uid: name,
        resourceVersion: '1',
        creationTimestamp: CREATED,
        labels: { zone: `z${index % 3}` },
      },
      status: {
        allocatable: { cpu: '4', memory: '32Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
  };
}

function podEvent(name: string, cpu: string, extra: { priority?: number; nodeName?: string } = {}): ClusterEvent {
  const { priority = 0, nodeName } = extra;
  return {
    type: 'PodChanged',
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'bench', uid: name, resourceVersion: '1', creationTimestamp: CREATED },
      spec: {
        priority,
        preemptionPolicy: 'CheckpointLowerPriority',
        containers: [{ name: 'main', image: 'pause', resources: { requests: { cpu, memory: '500Mi' } } }],
        ...(nodeName === undefined ? {} : { nodeName }),
      },
      status: nodeName === undefined ? { phase: 'Pending' } : { phase: 'Running', startTime: CREATED },
    },
  };
}

const preemption = values.case === 'preemption';
const engine = new Engine();
let now = START;
for (let index = 0; index < nodes; index++) engine.observe(nodeEvent(index), now);
if (preemption) {
  for (let index = 0; index < nodes * 4; index++) {
    const nodeName = `node-${String(index % nodes).padStart(5, '0')}`;
    engine.observe(podEvent(`low-${index}`, '900m', { nodeName }), now);
  }
}
const times: number[] = [];
let done = 0;
const begun = performance.now();
for (let index = 0; index < pods; index++) {
  now += 1;
  const before = performance.now();
  engine.observe(preemption ? podEvent(`high-${index}`, '3', { priority: 10 }) : podEvent(`pod-${index}`, '100m'), now);
  done += engine.decide(now).filter(({ type }) => type === 'Bind' || type === 'Interrupt').length;
  times.push(performance.now() - before);
}
const seconds = (performance.now() - begun) / 1000;
times.sort((one, other) => one - other);
const quantile = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
const result = {
  case: values.case,
  nodes,
  pods,
  done,
  podsPerSecond: Math.round(pods / seconds),
  p50Ms: Number(quantile(0.5).toFixed(3)),
  p99Ms: Number(quantile(0.99).toFixed(3)),
  rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
};
if (values.output === 'json') process.stdout.write(`${JSON.stringify(result)}\n`);
else
  process.stdout.write(
    `${result.case}: ${nodes} nodes, ${pods} pods (${done} decided): ${result.podsPerSecond} pods/s, ` +
      `p50 ${result.p50Ms} ms, p99 ${result.p99Ms} ms, ${result.rssMiB} MiB\n`,
  );
