import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodCheckpoint } from '../../model/index.ts';
import {
  DUMP_CURVE,
  DUMP_FIXED_SECONDS,
  REMEMBERED_WORKLOADS,
  RESTART_SECONDS,
  RESTORE_FIXED_SECONDS,
} from '../constants.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { at, checkpoint, EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { CostModel } from './cost.ts';
import { DumpHistory } from './dump-history.ts';

const GIB = 2 ** 30;
const MINUTE = 60_000;
/** Seconds a GiB by the curve. */
const SLOPE = DUMP_CURVE.secondsPerByte * GIB;

/** Two empty nodes of 4 cpu, and a history to be filled. */
class Bench {
  readonly cluster = new Cluster();
  readonly history = new DumpHistory();
  readonly saved = new Map<string, number>();
  readonly costs = new CostModel({ history: this.history, lastCheckpointOf: (workload) => this.saved.get(workload) });
  #made = 0;

  constructor() {
    for (const name of ['n1', 'n2']) this.cluster.setNode(node(name).build());
  }

  node(name: string) {
    const info = this.cluster.node(name);
    assert.ok(info !== undefined);
    return info;
  }

  pod(builder: PodBuilder) {
    return podInfo(builder.build(), this.cluster.space, this.cluster.templates);
  }

  /** A dump of `gib` that took `seconds`, ended `endMinutes` after the epoch. */
  dumped(
    workload: string,
    { gib, seconds, nodeName = 'n1', endMinutes = this.#made * 10, restoreSeconds }: Dumped,
  ): PodCheckpoint {
    this.#made += 1;
    const source = pod(`s${this.#made}`).workload(workload).on(nodeName).build();
    const built = checkpoint(source, `c${this.#made}`)
      .ready(endMinutes * MINUTE, {
        dumpMilliseconds: seconds * 1000,
        sizeBytes: gib * GIB,
        ...(restoreSeconds === undefined ? {} : { restoreMilliseconds: restoreSeconds * 1000 }),
      })
      .build();
    this.history.observe(built);
    return built;
  }

  /** Seconds of a dump of a workload that uses that much now. */
  dumpSeconds(workload: string, { gib, gpuGiB = 0, nodeName = 'n1', dumps = 1 }: Used): number {
    const victim = this.pod(pod(`v-${workload}`).workload(workload).on(nodeName));
    this.costs.observeUsage(victim.uid, gib * GIB, gpuGiB * GIB);
    return this.costs.dumpSeconds(victim, this.node(nodeName), dumps);
  }
}
interface Dumped {
  gib: number;
  seconds: number;
  nodeName?: string;
  endMinutes?: number;
  restoreSeconds?: number;
}
interface Used {
  gib: number;
  gpuGiB?: number;
  nodeName?: string;
  dumps?: number;
}

function near(actual: number, wanted: number, tolerance = 1e-6): void {
  assert.ok(Math.abs(actual - wanted) <= tolerance * Math.max(1, wanted), `${actual} is not near ${wanted}`);
}

test('unmeasured, a dump takes the fixed part and the curve: beyond the knee the disk sets the pace, GPU memory adds its own', () => {
  const bench = new Bench();
  near(bench.dumpSeconds('w', { gib: 4 }), DUMP_FIXED_SECONDS + 4 * SLOPE);
  near(bench.dumpSeconds('w', { gib: 14 }), DUMP_FIXED_SECONDS + 10 * SLOPE + 4 * 1.194);
  near(bench.dumpSeconds('w', { gib: 4, gpuGiB: 8 }), DUMP_FIXED_SECONDS + 4 * SLOPE + 8 * 0.5467);
});

test('dumps at once share the bandwidth: the transfer stretches, the fixed part does not', () => {
  const bench = new Bench();
  near(bench.dumpSeconds('w', { gib: 4, dumps: 3 }), DUMP_FIXED_SECONDS + 3 * 4 * SLOPE);
});

test('what a workload took is expected again, scaled to what it uses today', () => {
  const bench = new Bench();
  bench.dumped('w', { gib: 2, seconds: 5 });
  near(bench.dumpSeconds('w', { gib: 2 }), 5);
  near(bench.dumpSeconds('w', { gib: 4 }), DUMP_FIXED_SECONDS + 2 * 4);
});

test('one wild measurement among several moves nothing', () => {
  const bench = new Bench();
  for (const seconds of [5, 5, 90, 5]) bench.dumped('w', { gib: 2, seconds });
  near(bench.dumpSeconds('w', { gib: 2 }), 5);
});

test('a single wild measurement is believed within bounds', () => {
  const bench = new Bench();
  bench.dumped('w', { gib: 2, seconds: 10_000 });
  // The node is then taken to be 32^¾ times as slow, and the workload 32 times as slow as that.
  near(bench.dumpSeconds('w', { gib: 2 }), DUMP_FIXED_SECONDS + 32 * 32 ** 0.75 * 2 * SLOPE);
});

test('the newest five measurements count: a workload that changed is followed', () => {
  const bench = new Bench();
  for (let index = 0; index < 9; index++) bench.dumped('w', { gib: 2, seconds: 5 });
  for (let index = 0; index < 3; index++) bench.dumped('w', { gib: 2, seconds: 9 });
  near(bench.dumpSeconds('w', { gib: 2 }), 9);
});

test('a node that was measured slow is expected to be slow for workloads it never dumped', () => {
  const bench = new Bench();
  for (let index = 0; index < 9; index++)
    bench.dumped(`w${index}`, { gib: 1, seconds: DUMP_FIXED_SECONDS + 4 * SLOPE });
  near(bench.dumpSeconds('new', { gib: 1 }), DUMP_FIXED_SECONDS + 4 * SLOPE);
});

test('the first measurement of a node alone does not decide: the expectation counts as much', () => {
  const bench = new Bench();
  bench.history.dumps.learn('n1', GIB, 4 * SLOPE);
  near(bench.history.dumps.factorOf('n1'), Math.sqrt(4 * 2));
  near(bench.history.dumps.factorOf('n2'), 2);
});

test('a node that was not measured is expected to be like the others', () => {
  const bench = new Bench();
  for (let index = 0; index < 9; index++)
    bench.dumped(`w${index}`, { gib: 1, seconds: DUMP_FIXED_SECONDS + 3 * SLOPE });
  near(bench.dumpSeconds('new', { gib: 1, nodeName: 'n2' }), DUMP_FIXED_SECONDS + 3 * SLOPE);
});

test('one outlier does not slow a measured node down', () => {
  const bench = new Bench();
  for (const factor of [1, 1, 1, 50]) bench.dumped('w', { gib: 1, seconds: DUMP_FIXED_SECONDS + factor * SLOPE });
  near(bench.history.dumps.factorOf('n1'), 1);
});

test('dumps that shared the bandwidth teach what each would have taken alone', () => {
  const bench = new Bench();
  for (let index = 0; index < 9; index++)
    bench.dumped(`w${index}`, { gib: 8, seconds: DUMP_FIXED_SECONDS + 8 * SLOPE });
  const seconds = DUMP_FIXED_SECONDS + 2 * 8 * SLOPE;
  bench.dumped('first', { gib: 8, seconds, endMinutes: 500 });
  bench.dumped('second', { gib: 8, seconds, endMinutes: 500 });
  near(bench.dumpSeconds('second', { gib: 8 }), DUMP_FIXED_SECONDS + 8 * SLOPE);
});

test('small dumps say nothing about the bandwidth of their node', () => {
  const bench = new Bench();
  for (let index = 0; index < 9; index++) bench.dumped(`w${index}`, { gib: 1 / 32, seconds: 9 });
  near(bench.history.dumps.factorOf('n1'), 1);
  near(bench.dumpSeconds('w1', { gib: 8 }), 9);
});

test('a dump is counted once, however often its object is seen, and its restore when it comes', () => {
  const bench = new Bench();
  const built = bench.dumped('w', { gib: 2, seconds: 5 });
  for (let again = 0; again < 3; again++) bench.history.observe(built);
  assert.equal(bench.history.of('default/w').length, 1);
  const restored = { ...built, status: { ...built.status, restoreMilliseconds: 7_000 } };
  for (let again = 0; again < 3; again++) bench.history.observe(restored);
  assert.deepEqual(
    bench.history.of('default/w').map(({ restoreSeconds }) => restoreSeconds),
    [7],
  );
});

test('measured restores are expected again', () => {
  const bench = new Bench();
  bench.dumped('w', { gib: 2, seconds: 5, restoreSeconds: 7 });
  const victim = bench.pod(pod('v').workload('w').on('n1'));
  bench.costs.observeUsage(victim.uid, 2 * GIB);
  const permission = { checkpoint: true, terminate: false };
  const shown = bench.costs.explain(victim, bench.node('n1'), { permission, dumps: 1, preemptor: victim, now: EPOCH });
  near(shown.restoreSeconds, 7);
  near(RESTORE_FIXED_SECONDS, 0.8);
});

test('a store is as fast as archives were seen to get there', () => {
  const bench = new Bench();
  const built = bench.dumped('w', { gib: 2, seconds: 5, endMinutes: 0 });
  const before = bench.history.stores.bytesPerSecondOf('s3://bucket/x');
  const stored = {
    ...built,
    status: {
      ...built.status,
      checkpointLocation: {
        type: 'Store' as const,
        store: { url: 's3://bucket/w/1', digest: '', sizeBytes: 2 * GIB, encrypted: true },
      },
      conditions: [
        ...(built.status?.conditions ?? []),
        { type: 'Stored', status: 'True' as const, lastTransitionTime: at(40_000) },
      ],
    },
  };
  for (let again = 0; again < 3; again++) bench.history.observe(stored);
  near(bench.history.stores.bytesPerSecondOf('s3://bucket/other'), Math.sqrt(before * ((2 * GIB) / 40)));
  near(bench.history.stores.bytesPerSecondOf('s3://elsewhere/x'), before);
});

test('termination costs what was computed since the newest checkpoint or the start, and the restart', () => {
  const bench = new Bench();
  const victim = bench.pod(pod('v').workload('w').requests({ cpu: '2' }).on('n1', MINUTE));
  const now = EPOCH + 5 * MINUTE;
  near(bench.costs.terminationCost(victim, bench.node('n1'), now), (240 + RESTART_SECONDS) / 2);
  bench.saved.set('default/w', EPOCH + 4 * MINUTE);
  near(bench.costs.terminationCost(victim, bench.node('n1'), now), (60 + RESTART_SECONDS) / 2);
  bench.saved.set('default/w', EPOCH);
  near(bench.costs.terminationCost(victim, bench.node('n1'), now), (240 + RESTART_SECONDS) / 2);
  near(bench.costs.terminationCost(victim, bench.node('n1'), EPOCH), RESTART_SECONDS / 2);
});

test('memory is what was measured, else requested, else allowed, else a guess', () => {
  const bench = new Bench();
  const limited = pod('l').spec({ containers: [{ name: 'm', image: 'x', resources: { limits: { memory: '2Gi' } } }] });
  assert.equal(bench.costs.memoryOf(bench.pod(limited)), 2 * GIB);
  assert.equal(bench.costs.memoryOf(bench.pod(pod('r').requests({ memory: '1Gi' }))), GIB);
  assert.equal(bench.costs.memoryOf(bench.pod(pod('n'))), 256 * 2 ** 20);
  bench.costs.observeUsage('uid-n', 5, 7);
  assert.equal(bench.costs.memoryOf(bench.pod(pod('n'))), 12);
  bench.costs.forgetPod('uid-n');
  assert.equal(bench.costs.memoryOf(bench.pod(pod('n'))), 256 * 2 ** 20);
});

test('the costs shown: what is permitted, and waiting where the end is known', () => {
  const bench = new Bench();
  const victim = bench.pod(pod('v').workload('w').requests({ cpu: '2' }).on('n1').walltime('10m'));
  const preemptor = bench.pod(pod('p').requests({ cpu: '4' }));
  const shown = (permission: { checkpoint: boolean; terminate: boolean }, minutes: number) =>
    bench.costs.explain(victim, bench.node('n1'), { permission, dumps: 1, preemptor, now: EPOCH + minutes * MINUTE });
  const both = shown({ checkpoint: true, terminate: true }, 4);
  near(both.wait ?? 0, 360);
  near(both.terminate ?? 0, (240 + RESTART_SECONDS) / 2);
  near(both.checkpoint ?? 0, (both.dumpSeconds + both.restoreSeconds) / 2);
  near(both.restoreSeconds, RESTORE_FIXED_SECONDS + 0.25);
  assert.ok(!('wait' in shown({ checkpoint: true, terminate: true }, 10)), 'its end has come');
  assert.deepEqual(Object.keys(shown({ checkpoint: false, terminate: false }, 11)).sort(), [
    'dumpSeconds',
    'memoryBytes',
    'restoreSeconds',
  ]);
});

test('a workload that was dumped and never restored is expected to restore like any other', () => {
  const bench = new Bench();
  bench.dumped('w', { gib: 2, seconds: 5 });
  const victim = bench.pod(pod('v').workload('w').on('n1'));
  bench.costs.observeUsage(victim.uid, 2 * GIB);
  const permission = { checkpoint: true, terminate: false };
  const shown = bench.costs.explain(victim, bench.node('n1'), { permission, dumps: 1, preemptor: victim, now: EPOCH });
  near(shown.restoreSeconds, RESTORE_FIXED_SECONDS + 2);
});

test('the cost of a dump is its time by its share of the node; a further dump adds its transfer', () => {
  const bench = new Bench();
  const victim = bench.pod(pod('v').workload('w').requests({ cpu: '1', memory: '4Gi' }).on('n1'));
  const one = bench.costs.checkpointCost(victim, bench.node('n1'), 1);
  near(one.cost, (DUMP_FIXED_SECONDS + 4 * SLOPE + RESTORE_FIXED_SECONDS + 4) / 2);
  near(one.perFurtherDump, (4 * SLOPE) / 2);
  near(bench.costs.checkpointCost(victim, bench.node('n1'), 3).cost, one.cost + 2 * one.perFurtherDump);
});

test('a dump that shared the bandwidth for half of its time was slowed down by half', () => {
  const bench = new Bench();
  // 120 s each, the second from the middle of the first on.
  bench.dumped('first', { gib: 8, seconds: 120, endMinutes: 100 });
  bench.dumped('second', { gib: 8, seconds: 120, endMinutes: 101 });
  const [second] = bench.history.of('default/second');
  near(second?.dumpSeconds ?? 0, DUMP_FIXED_SECONDS + 119 / 1.5);
});

test('of very many workloads the one measured longest ago is forgotten', () => {
  const bench = new Bench();
  for (let index = 0; index < REMEMBERED_WORKLOADS; index++) bench.dumped(`w${index}`, { gib: 1, seconds: 2 });
  bench.dumped('w0', { gib: 1, seconds: 2 });
  assert.equal(bench.history.of('default/w0').length, 2);
  assert.equal(bench.history.of('default/w1').length, 1);
  bench.dumped('one-more', { gib: 1, seconds: 2 });
  assert.equal(bench.history.of('default/w1').length, 0);
  assert.equal(bench.history.of('default/w0').length, 2);
});

test('a checkpoint whose node nobody knows, or that took no measured time, teaches nothing', () => {
  const bench = new Bench();
  const built = checkpoint(pod('s').workload('w').on('n1').build(), 'c').ready(0).build();
  bench.history.observe(built);
  const { nodeName: _, ...status } = { ...built.status, dumpMilliseconds: 5 };
  bench.history.observe({ ...built, status });
  assert.equal(bench.history.of('default/w').length, 0);
});

test('an archive is counted once it is stored, not before, and once its checkpoint is forgotten it may come again', () => {
  const bench = new Bench();
  const built = bench.dumped('w', { gib: 2, seconds: 5, endMinutes: 0 });
  bench.history.forget(built);
  bench.history.observe(built);
  assert.equal(bench.history.of('default/w').length, 2);
});

test('the smallest dump that says something about bandwidth scales with what is used today', () => {
  const bench = new Bench();
  for (let index = 0; index < 5; index++) bench.dumped('w', { gib: 1 / 16, seconds: 2 });
  near(bench.dumpSeconds('w', { gib: 1 / 16 }), 2);
  near(bench.dumpSeconds('w', { gib: 1 / 4 }), DUMP_FIXED_SECONDS + 4);
});

test('an archive whose place is known but which is not there yet says nothing of its store, and counts once it is', () => {
  const bench = new Bench();
  const built = bench.dumped('w', { gib: 2, seconds: 5, endMinutes: 0 });
  const store = { url: 's3://bucket/w/1', digest: '', sizeBytes: 2 * GIB, encrypted: true };
  const upload = (status: 'True' | 'False', seconds: number): PodCheckpoint => ({
    ...built,
    status: {
      ...built.status,
      checkpointLocation: { type: 'Store', store },
      conditions: [
        ...(built.status?.conditions ?? []),
        { type: 'Stored', status, lastTransitionTime: at(seconds * 1000) },
      ],
    },
  });
  const before = bench.history.stores.bytesPerSecondOf(store.url);
  bench.history.observe(upload('False', 10));
  near(bench.history.stores.bytesPerSecondOf(store.url), before);
  bench.history.observe(upload('True', 40));
  near(bench.history.stores.bytesPerSecondOf(store.url), Math.sqrt(before * ((2 * GIB) / 40)));
});
