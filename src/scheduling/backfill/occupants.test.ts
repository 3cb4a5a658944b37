import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CostModel } from '../interruption/cost.ts';
import { DumpHistory } from '../interruption/dump-history.ts';
import { InterruptionRecord } from '../interruption/interruption-record.ts';
import { Policies } from '../interruption/policies.ts';
import { VictimRules } from '../interruption/victim-rules.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { Occupants } from './occupants.ts';
import { Vacating } from './vacating.ts';

const MINUTE = 60_000;

interface Job {
  readonly cpu: number;
  readonly memory: number;
  /** Undefined: it does not say how long it runs. */
  readonly minutes: number | undefined;
}

const job: fc.Arbitrary<Job> = fc.record({
  cpu: fc.integer({ min: 1, max: 4 }),
  memory: fc.integer({ min: 1, max: 4 }),
  minutes: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined, freq: 4 }),
});

const builder = (name: string, { cpu, memory, minutes }: Job): PodBuilder => {
  const made = pod(name).requests({ cpu: String(cpu), memory: `${memory}Gi` });
  return minutes === undefined ? made : made.walltime(`${minutes}m`);
};

test('whether a pod may start by a time is whether its earliest start is known and no later', () => {
  fc.assert(
    fc.property(fc.array(job, { maxLength: 6 }), job, fc.integer({ min: -1, max: 11 }), (others, one, minute) => {
      const cluster = new Cluster();
      const costs = new CostModel({ history: new DumpHistory(), lastCheckpointOf: () => undefined });
      const memoryOf = (placed: Parameters<typeof costs.memoryOf>[0]) => costs.memoryOf(placed);
      const rules = new VictimRules({ policies: new Policies(), record: new InterruptionRecord(), memoryOf });
      const occupants = new Occupants(new Vacating({ costs, rules }, 2));
      const info = (made: PodBuilder) => podInfo(made.build(), cluster.space, cluster.templates);
      const { info: n1 } = cluster.setNode(node('n1').allocatable({ cpu: '8', memory: '8Gi' }).build());
      others.forEach((other, index) => {
        cluster.place(info(builder(`o${index}`, other).on('n1')), 'n1');
      });
      const { requests } = info(builder('one', one));
      const at = minute > 10 ? Infinity : EPOCH + minute * MINUTE;
      const earliest = occupants.earliestOn(n1, requests);
      assert.equal(occupants.mayStartBy(n1, requests, at), earliest < Infinity && earliest <= at);
    }),
    { numRuns: 300 },
  );
});
