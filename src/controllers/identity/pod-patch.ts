import {
  HELD_ANNOTATION,
  IMAGES_ANNOTATION,
  NOT_RESTORED_ANNOTATION,
  type PodCheckpoint,
  SUSPENDED_GATE,
  withRestoreImages,
} from '../../model/index.ts';
import { incarnationMarks } from './incarnation-marks.ts';
import type { NewPod } from './replacement.ts';

/** One step of a JSON patch (RFC 6902). */
export interface PatchStep {
  op: 'add' | 'replace';
  path: string;
  value: unknown;
}

export interface PatchOptions {
  /** Whether the server keeps `spec.schedulingGates` (Kubernetes 1.27). */
  knowsGates: boolean;
  /** Of Fermata's scheduler; the first one takes pods that no gate can keep from another scheduler. */
  schedulerNames: readonly string[];
}

/**
 * Makes the new pod the next incarnation, held until the room of the one before is confirmed free. Without gates the pod stays
 * with Fermata's scheduler, which does not bind what is held by the annotation.
 */
export function incarnationPatch(pod: NewPod, checkpoint: PodCheckpoint, options: PatchOptions): PatchStep[] {
  const { labels, annotations: common } = incarnationMarks(checkpoint);
  const images = restoreImages(pod, checkpoint);
  const annotations = { ...common, ...images.annotations };
  const marks = [...put('/metadata/labels', pod.metadata.labels, labels), ...images.steps];
  if (options.knowsGates) {
    const gates = pod.spec.schedulingGates ?? [];
    const isHeld = gates.some(({ name }) => name === SUSPENDED_GATE);
    const gate: PatchStep[] = isHeld
      ? []
      : [{ op: 'add', path: '/spec/schedulingGates', value: [...gates, { name: SUSPENDED_GATE }] }];
    return [...marks, ...put('/metadata/annotations', pod.metadata.annotations, annotations), ...gate];
  }
  const held = { [HELD_ANNOTATION]: `suspended: waits for checkpoint ${checkpoint.metadata.name} to be released` };
  const { schedulerName = 'default-scheduler' } = pod.spec;
  const [own] = options.schedulerNames;
  return [
    ...marks,
    ...put('/metadata/annotations', pod.metadata.annotations, { ...annotations, ...held }),
    ...(own === undefined || options.schedulerNames.includes(schedulerName)
      ? []
      : [{ op: 'add' as const, path: '/spec/schedulerName', value: own }]),
  ];
}

/** The images from which a kubelet restores it, where the checkpoint names such. */
function restoreImages(
  pod: NewPod,
  checkpoint: PodCheckpoint,
): { annotations: Record<string, string>; steps: PatchStep[] } {
  const restored = withRestoreImages(pod, checkpoint);
  const originals = restored.metadata.annotations?.[IMAGES_ANNOTATION];
  if (restored === pod || originals === undefined) return { annotations: {}, steps: [] };
  const { containers, initContainers = [] } = restored.spec;
  const steps: PatchStep[] = [{ op: 'add', path: '/spec/containers', value: containers }];
  if (pod.spec.initContainers !== undefined)
    steps.push({ op: 'add', path: '/spec/initContainers', value: initContainers });
  return { annotations: { [IMAGES_ANNOTATION]: originals }, steps };
}

/** Says on the pod why it does not go on from the checkpoint whose slot it fills. */
export function notRestoredPatch(pod: NewPod, checkpoint: PodCheckpoint, change: string): PatchStep[] {
  const why = `checkpoint ${checkpoint.metadata.name} is of another program: ${change}`;
  return put('/metadata/annotations', pod.metadata.annotations, { [NOT_RESTORED_ANNOTATION]: why });
}

function put(path: string, present: Record<string, string> | undefined, added: Record<string, string>): PatchStep[] {
  if (present === undefined || present === null) return [{ op: 'add', path, value: added }];
  return Object.entries(added).map(([name, value]) => ({
    op: 'add' as const,
    path: `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    value,
  }));
}
