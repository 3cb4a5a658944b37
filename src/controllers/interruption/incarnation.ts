import {
  AVOID_NODES_ANNOTATION,
  DECISION_ANNOTATION,
  type Draft,
  FermataError,
  HELD_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  type ObjectMeta,
  type Pod,
  type PodCheckpoint,
  type PodSpec,
  RESTORE_FAILURES_ANNOTATION,
  SUSPENDED_GATE,
  waitsForResume,
  withRestoreImages,
} from '../../model/index.ts';
import { incarnationMarks } from '../identity/incarnation-marks.ts';

/** What concerned the last incarnation alone. */
const OF_THE_LAST = [
  DECISION_ANNOTATION,
  RESTORE_FAILURES_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  AVOID_NODES_ANNOTATION,
  HELD_ANNOTATION,
];

/**
 * The pod that goes on where the checkpointed one stopped: same name, labels and owner, made from the recorded
 * template. It keeps the workload's place in the queue (`first-enqueued`) and counts its incarnations. With
 * `restore: Manual` a scheduling gate holds it until somebody resumes it; where the server knows no gates, an annotation that
 * Fermata's scheduler heeds. Where the kubelet's own PodCheckpoint holds the data it is restored by `spec.restoreFrom` (KEP-5823).
 */
export function nextIncarnation(checkpoint: PodCheckpoint, { knowsGates = true } = {}): Draft<Pod> {
  const template = checkpoint.status?.checkpointedPodTemplate;
  if (template === undefined) {
    throw new FermataError(
      'CheckpointWithoutTemplate',
      `checkpoint ${checkpoint.metadata.namespace}/${checkpoint.metadata.name} is Ready but records no pod template`,
      {
        nextStep:
          'the workload cannot be recreated by itself: create its pod with the annotation fermata.dev/restore-from',
      },
    );
  }
  const metadata = (template.metadata ?? {}) as Partial<ObjectMeta>;
  const spec = template.spec as PodSpec;
  const name = checkpoint.spec.sourcePod.name;
  const annotations: Record<string, string> = { ...metadata.annotations };
  for (const name of OF_THE_LAST) delete annotations[name];
  const marks = incarnationMarks(checkpoint);
  const gates = (spec.schedulingGates ?? []).filter((gate) => gate.name !== SUSPENDED_GATE);
  const isHeld = waitsForResume(checkpoint);
  const upstream = checkpoint.status?.checkpointLocation?.upstream;
  // The kubelet's own PodCheckpoint is restored only by a pod whose spec is the recorded one: a gate would not be.
  const isGated = isHeld && knowsGates && upstream === undefined;
  if (isGated) gates.push({ name: SUSPENDED_GATE });
  if (isHeld && !isGated) annotations[HELD_ANNOTATION] = 'suspended until it is resumed';
  const { schedulingGates: _, ...rest } = spec;
  const draft = {
    metadata: {
      name,
      ...(checkpoint.metadata.namespace === undefined ? {} : { namespace: checkpoint.metadata.namespace }),
      labels: { ...metadata.labels, ...marks.labels },
      annotations: { ...annotations, ...marks.annotations },
      ...(metadata.ownerReferences === undefined ? {} : { ownerReferences: metadata.ownerReferences }),
    },
    spec: {
      ...rest,
      ...(gates.length === 0 ? {} : { schedulingGates: gates }),
      ...(upstream && { restoreFrom: upstream.name }),
    },
  };
  return withRestoreImages(draft, checkpoint);
}
