import type { AdmissionAnswer, AdmissionRequest } from '../kubernetes/index.ts';
import { RESTORE_FROM_ANNOTATION } from '../model/index.ts';
import { type ConnectorSettings, connectorPod } from './connector-pod.ts';
import type { Job, PodTemplate } from './job.ts';
import { isConnector, OVERFLOWED_ANNOTATION, STAYS_ANNOTATION } from './marks.ts';
import { podObstacles } from './obstacles.ts';
import { whyNotRestoredThere } from './overflow.ts';

export interface PodReviewParts {
  settings: ConnectorSettings;
  /** The Job as it is now, not as a cache has it: a pod made after its mark must see the mark. Undefined when it is gone. */
  job: (key: { namespace: string; name: string }) => Promise<Job | undefined>;
}

type NewPod = PodTemplate & { metadata?: { ownerReferences?: Job['metadata']['ownerReferences'] } };

/** What the API server is told about a new pod of a Job that may overflow: once the Job is marked, its pods are connectors. */
export async function reviewOverflowPod(parts: PodReviewParts, request: AdmissionRequest): Promise<AdmissionAnswer> {
  const pod = request.object as NewPod | undefined;
  const owner = pod?.metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (request.operation !== 'CREATE' || pod?.metadata === undefined || owner?.kind !== 'Job') return { allowed: true };
  if (isConnector(pod)) return { allowed: true };
  const job = await parts.job({ namespace: request.namespace, name: owner.name });
  const isMarked = job?.metadata.annotations?.[OVERFLOWED_ANNOTATION] !== undefined;
  if (job?.metadata.uid !== owner.uid || !isMarked) return { allowed: true };
  const obstacles = obstaclesOfPod(pod);
  if (obstacles.length > 0) {
    const reason = obstacles.join('; ');
    const annotations = { ...pod.metadata.annotations, [STAYS_ANNOTATION]: reason };
    return {
      allowed: true,
      patch: [{ op: 'add', path: '/metadata/annotations', value: annotations }],
      warnings: [`it cannot run at an HPC site: ${reason}`],
    };
  }
  const { metadata, spec } = connectorPod(pod, parts.settings);
  return {
    allowed: true,
    patch: [
      { op: 'add', path: '/metadata/annotations', value: metadata.annotations },
      { op: 'replace', path: '/spec', value: spec },
    ],
  };
}

function obstaclesOfPod(pod: PodTemplate): string[] {
  const from = pod.metadata?.annotations?.[RESTORE_FROM_ANNOTATION];
  return [...(from === undefined ? [] : [whyNotRestoredThere(from)]), ...podObstacles(pod)];
}
