import { type Condition, conditionOf, keyOf, type PodCheckpoint, workloadOfCheckpoint } from '../model/index.ts';

/** One step. Times in ms since the epoch. */
export interface Span {
  name: 'interruption' | 'checkpoint' | 'order' | 'dump' | 'release' | 'suspended' | 'restore';
  /** 16 hex digits. */
  spanId: string;
  /** Absent: it is the whole. */
  parentSpanId?: string;
  start: number;
  end: number;
  attributes: Readonly<Record<string, string | number>>;
  /** Why it failed. */
  failure?: string;
}

export interface Trace {
  /** 32 hex digits. */
  traceId: string;
  /** The whole first. */
  spans: Span[];
}

type Step = Omit<Span, 'spanId' | 'parentSpanId' | 'attributes'> & { attributes?: Span['attributes'] };

/**
 * An interruption, or a checkpoint beside which its pod ran on, as a trace (OpenTelemetry's words), once it is over. All of it is
 * read from the object, and the ids follow from its UID, so whoever tells of it tells the same. Kubernetes' times have a precision of a
 * second; what was measured more finely is an attribute. Undefined: it goes on, or its UID is none.
 */
export function interruptionTrace(checkpoint: PodCheckpoint): Trace | undefined {
  const traceId = checkpoint.metadata.uid.replaceAll('-', '').toLowerCase();
  const outcome = outcomeOf(checkpoint);
  if (outcome === undefined || !/^[0-9a-f]{32}$/.test(traceId)) return undefined;
  const { spec, status, metadata } = checkpoint;
  const created = Date.parse(metadata.creationTimestamp);
  const whole: Step = {
    name: spec.postCheckpointState === 'Stopped' ? 'interruption' : 'checkpoint',
    start: created,
    ...outcome,
    attributes: {
      'k8s.namespace.name': metadata.namespace ?? '',
      'k8s.pod.name': spec.sourcePod.name,
      'fermata.checkpoint': keyOf(checkpoint),
      'fermata.workload': workloadOfCheckpoint(checkpoint),
      'fermata.reason': spec.reason ?? 'Manual',
      ...(status?.sourcePodUID !== undefined && { 'k8s.pod.uid': status.sourcePodUID }),
      ...(status?.nodeName !== undefined && { 'k8s.node.name': status.nodeName }),
      ...(spec.preemptor !== undefined && {
        'fermata.preemptor': `${spec.preemptor.namespace}/${spec.preemptor.name}`,
      }),
      ...(spec.group !== undefined && { 'fermata.group': spec.group }),
    },
  };
  const spanIdOf = (index: number): string => `${traceId.slice(-15)}${index.toString(16)}`;
  const spans = [whole, ...stepsOf(checkpoint, outcome)].map(
    ({ attributes = {}, ...step }, index): Span => ({
      ...step,
      attributes,
      end: Math.max(step.start, step.end),
      spanId: spanIdOf(index),
      ...(index > 0 && { parentSpanId: spanIdOf(0) }),
    }),
  );
  return { traceId, spans };
}

function stepsOf({ spec, status, metadata }: PodCheckpoint, outcome: { end: number; failure?: string }): Step[] {
  const created = Date.parse(metadata.creationTimestamp);
  const begun = timeOf(status?.startTime);
  const dumped = timeOf(status?.completionTime);
  if (begun === undefined) return [];
  const steps: Step[] = [{ name: 'order', start: created, end: begun }];
  if (dumped === undefined) return [...steps, { name: 'dump', start: begun, ...outcome }];
  steps.push({ name: 'dump', start: begun, end: dumped, attributes: measuresOf(status) });
  const released = since(conditionOf(status?.conditions, 'Released'));
  if (spec.postCheckpointState !== 'Stopped' || released === undefined) return steps;
  steps.push({ name: 'release', start: dumped, end: released });
  const restored = conditionOf(status?.conditions, 'Restored');
  if (restored?.status !== 'True') return [...steps, { name: 'suspended', start: released, end: outcome.end }];
  const took = status?.restoreMilliseconds;
  const restoring = Math.max(released, outcome.end - (took ?? 0));
  const attributes = took === undefined ? {} : { 'fermata.restore.milliseconds': took };
  return [
    ...steps,
    { name: 'suspended', start: released, end: restoring },
    { name: 'restore', start: restoring, end: outcome.end, attributes },
  ];
}

/** When and how it ended; undefined: it has not. */
function outcomeOf({ spec, status }: PodCheckpoint): { end: number; failure?: string } | undefined {
  const [ready, released, restored] = ['Ready', 'Released', 'Restored'].map((type) =>
    conditionOf(status?.conditions, type),
  );
  if (ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced') {
    return ended(ready, ready.message ?? ready.reason);
  }
  if (ready?.status !== 'True') return undefined;
  if (spec.postCheckpointState !== 'Stopped') return ended(ready);
  if (restored?.status === 'True') return ended(restored);
  if (restored?.reason === 'Abandoned') return ended(restored, 'the workload was given up while it was suspended');
  return spec.restore === 'Never' && released?.status === 'True' ? ended(released) : undefined;
}

function ended(condition: Condition, failure?: string): { end: number; failure?: string } | undefined {
  const end = since(condition);
  return end === undefined ? undefined : { end, ...(failure !== undefined && { failure }) };
}

function measuresOf(status: PodCheckpoint['status']): Record<string, number> {
  const containers = status?.checkpointedContainers ?? [];
  const sum = (field: 'sizeBytes' | 'frozenMicroseconds'): number =>
    containers.reduce((total, each) => total + (each[field] ?? 0), 0);
  return {
    ...(status?.dumpMilliseconds !== undefined && { 'fermata.dump.milliseconds': status.dumpMilliseconds }),
    'fermata.dump.bytes': sum('sizeBytes'),
    'fermata.dump.frozen_microseconds': sum('frozenMicroseconds'),
    'fermata.dump.containers': containers.length,
  };
}

function since(condition: Condition | undefined): number | undefined {
  return timeOf(condition?.lastTransitionTime);
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
