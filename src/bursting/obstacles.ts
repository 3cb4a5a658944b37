import { BATCH_SYSTEMS, HPC_ANNOTATION_PREFIX, requestOfPod } from '../hpc/index.ts';
import { FermataError, parseDuration } from '../model/index.ts';
import type { core, Job, PodTemplate } from './job.ts';
import {
  OVERFLOW_AFTER_ANNOTATION,
  PLACEMENT_ANNOTATIONS,
  type Placement,
  SCHEDULER_ANNOTATION,
  STAGE_IN_ANNOTATION,
  STAGE_OUT_ANNOTATION,
} from './marks.ts';

/** Where Kubernetes puts a pod's token: nothing of the program's. */
export const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Why this Job cannot run at an HPC site, each in words for its owner; empty when it can. */
export function obstaclesOf({ spec }: Pick<Job, 'spec'>, placement: Placement): string[] {
  const obstacles = podObstacles(spec.template);
  if (spec.completionMode !== 'Indexed' && ((spec.parallelism ?? 1) > 1 || (spec.completions ?? 1) > 1)) {
    obstacles.push('its pods cannot be told apart: set completionMode: Indexed, then each index is a batch job');
  }
  if (placement === 'overflow' && spec.template.spec?.restartPolicy !== 'Never') {
    obstacles.push('restartPolicy is not Never: a pod that makes way would count as a failure');
  }
  return obstacles;
}

/** As {@link obstaclesOf}, of one pod. */
export function podObstacles({ metadata, spec }: PodTemplate): string[] {
  const containers = spec?.containers ?? [];
  const [container] = containers;
  const annotations = metadata?.annotations ?? {};
  return [
    ...(containers.length === 1 ? [] : [`it has ${containers.length} containers; a batch job is one program`]),
    ...((spec?.initContainers ?? []).length === 0 ? [] : ['it has init containers, which a batch job has not']),
    ...(container === undefined ? [] : containerObstacles(container, annotations)),
    ...annotationObstacles(annotations),
  ];
}

function containerObstacles(container: core.Container, annotations: Readonly<Record<string, string>>): string[] {
  const obstacles: string[] = [];
  if ((container.command ?? []).length === 0) {
    obstacles.push(
      'its container names no command, and what its image would start is not known outside of the cluster',
    );
  }
  if ((container.envFrom ?? []).length > 0)
    obstacles.push('its container takes variables by envFrom; name each by env');
  for (const { name } of container.env ?? []) {
    if (!/^[A-Za-z_]\w*$/.test(name)) obstacles.push(`its variable ${name} is no name for a shell`);
  }
  const isStaged = STAGE_IN_ANNOTATION in annotations || STAGE_OUT_ANNOTATION in annotations;
  const mounts = (container.volumeMounts ?? []).filter(({ mountPath }) => mountPath !== TOKEN_PATH);
  if (mounts.length > 0 && !isStaged) {
    const paths = mounts.map(({ mountPath }) => mountPath).join(', ');
    obstacles.push(
      `its volumes are not there (${paths}): say with annotations ${STAGE_IN_ANNOTATION} and ${STAGE_OUT_ANNOTATION} what goes with it and what comes back`,
    );
  }
  return obstacles;
}

function annotationObstacles(annotations: Readonly<Record<string, string>>): string[] {
  const scheduler = annotations[SCHEDULER_ANNOTATION];
  const names = BATCH_SYSTEMS.map(({ name }): string => name);
  if (scheduler !== undefined && !names.includes(scheduler)) {
    return [`annotation ${SCHEDULER_ANNOTATION} is "${scheduler}"; it takes ${names.join(', ')}`];
  }
  try {
    requestOfPod({ annotations: jobAnnotations(annotations) });
    overflowAfter(annotations, 0);
    return [];
  } catch (error) {
    if (!(error instanceof FermataError)) throw error;
    return [error.nextStep === undefined ? error.message : `${error.message} (${error.nextStep})`];
  }
}

/** The annotations that the connector itself reads. */
export function jobAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(
      ([name]) => name.startsWith(HPC_ANNOTATION_PREFIX) && !PLACEMENT_ANNOTATIONS.includes(name),
    ),
  );
}

/** Milliseconds. Throws `DurationInvalid`. */
export function overflowAfter(annotations: Readonly<Record<string, string>>, otherwise: number): number {
  const text = annotations[OVERFLOW_AFTER_ANNOTATION];
  return text === undefined ? otherwise : parseDuration(text);
}
