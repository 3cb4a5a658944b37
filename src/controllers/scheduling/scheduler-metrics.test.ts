import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../metrics/index.ts';
import type { Pod } from '../../model/index.ts';
import type { Decision, SchedulingEngine } from '../../scheduling/index.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';

const lengths = { active: 1, backoff: 2, unschedulable: 3, gated: 4, suspended: 5 };
const engine = { queueLengths: () => lengths } as SchedulingEngine;

const pod = (uid: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: uid, namespace: 'team', uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [], schedulerName: 'fermata', ...spec },
});
const decision = (type: 'Bind' | 'Unschedulable', uid: string): Decision =>
  ({ type, pod: { uid, name: uid, namespace: 'team' }, nodeName: 'n' }) as unknown as Decision;

function scene() {
  const metrics = new Metrics();
  const own = new SchedulerMetrics(metrics);
  const shown = (name: string): string[] =>
    metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith(name));
  return { own, shown };
}

test('a pod counts from when it was seen, with its attempts; waiting behind a gate is not waiting for the scheduler', () => {
  const { own, shown } = scene();
  own.observe({ type: 'PodChanged', pod: pod('a', { schedulingGates: [{ name: 'g' }] }) }, 0);
  own.observe({ type: 'PodChanged', pod: pod('a') }, 10_000);
  own.decided(engine, [decision('Unschedulable', 'a')], 4, 10_010);
  own.decided(engine, [decision('Bind', 'a'), decision('Bind', 'unknown')], 8, 11_000);
  own.observe({ type: 'PodChanged', pod: pod('a', { nodeName: 'n' }) }, 11_005);
  own.bound('a', 11_006);
  assert.deepEqual(shown('scheduler_schedule_attempts_total'), [
    'scheduler_schedule_attempts_total{result="unschedulable",profile="fermata"} 1',
    'scheduler_schedule_attempts_total{result="scheduled",profile="fermata"} 1',
  ]);
  assert.deepEqual(shown('scheduler_scheduling_attempt_duration_seconds_sum'), [
    'scheduler_scheduling_attempt_duration_seconds_sum{result="unschedulable",profile="fermata"} 0.004',
    'scheduler_scheduling_attempt_duration_seconds_sum{result="scheduled",profile="fermata"} 0.01',
  ]);
  assert.deepEqual(shown('scheduler_pod_scheduling_sli_duration_seconds_sum'), [
    'scheduler_pod_scheduling_sli_duration_seconds_sum{attempts="2"} 1.006',
  ]);
});

test('a refused bind is an error, and the pod waits on', () => {
  const { own, shown } = scene();
  own.observe({ type: 'PodChanged', pod: pod('a') }, 0);
  own.decided(engine, [decision('Bind', 'a')], 1, 1);
  own.observe({ type: 'BindFailed', uid: 'a', reason: 'conflict' }, 5);
  own.decided(engine, [decision('Bind', 'a')], 1, 100);
  own.bound('a', 101);
  assert.deepEqual(shown('scheduler_pod_scheduling_sli_duration_seconds_count'), [
    'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="2"} 1',
  ]);
  assert.equal(shown('scheduler_schedule_attempts_total{result="error"').length, 1);
});

test("queues are kube-scheduler's; suspended workloads are none of them", () => {
  const { own, shown } = scene();
  own.decided(engine, [], 0, 0);
  assert.deepEqual(shown('scheduler_pending_pods'), [
    'scheduler_pending_pods{queue="active"} 1',
    'scheduler_pending_pods{queue="backoff"} 2',
    'scheduler_pending_pods{queue="unschedulable"} 3',
    'scheduler_pending_pods{queue="gated"} 4',
  ]);
  assert.deepEqual(shown('fermata_suspended_pods'), ['fermata_suspended_pods 5']);
  own.clear();
  assert.equal(shown('scheduler_pending_pods')[0], 'scheduler_pending_pods{queue="active"} 0');
});
