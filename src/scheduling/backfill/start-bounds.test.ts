import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CostModel } from '../interruption/cost.ts';
import { DumpHistory } from '../interruption/dump-history.ts';
import { InterruptionRecord } from '../interruption/interruption-record.ts';
import { Policies } from '../interruption/policies.ts';
import { VictimRules } from '../interruption/victim-rules.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { Occupants } from './occupants.ts';
import { StartBounds } from './start-bounds.ts';
import { Vacating } from './vacating.ts';

const MINUTE = 60_000;
const job = (name: string, cpu: number, walltime?: string): PodBuilder => {
  const builder = pod(name).requests({ cpu: String(cpu) });
  return walltime === undefined ? builder : builder.walltime(walltime);
};

test('bounds: the end that makes enough room, on nodes that changed and on those that did not', () => {
  const cluster = new Cluster();
  const costs = new CostModel({ history: new DumpHistory(), lastCheckpointOf: () => undefined });
  const rules = new VictimRules({
    policies: new Policies(),
    record: new InterruptionRecord(),
    memoryOf: (one) => costs.memoryOf(one),
  });
  const bounds = new StartBounds(cluster, new Occupants(new Vacating({ costs, rules }, 2)));
  const info = (builder: PodBuilder) => podInfo(builder.build(), cluster.space, cluster.templates);
  const place = (builder: PodBuilder, name: string) => cluster.place(info(builder.on(name)), name);
  for (const name of ['n1', 'n2', 'n3', 'n4']) cluster.setNode(node(name).allocatable({ cpu: '4' }).build());
  place(job('short', 2, '10m'), 'n1');
  place(job('long', 2, '20m'), 'n1');
  place(job('endless', 3), 'n2');
  place(job('small', 1, '30m'), 'n3');
  const three = info(job('three', 3));
  const minutes = () => [...bounds.of(three)].map((time) => (time - EPOCH) / MINUTE);
  assert.deepEqual(minutes(), [20, Infinity, -Infinity, -Infinity]);
  cluster.displace('uid-long');
  place(job('late', 4, '1h'), 'n4');
  assert.deepEqual(minutes(), [10, Infinity, -Infinity, 60]);
});
