import { type AdmissionAnswer, type AdmissionRequest, ApiError } from '../kubernetes/index.ts';
import type { Node } from '../model/index.ts';
import type { ConnectorSettings } from './connector-pod.ts';
import type { Job } from './job.ts';
import { placeJob, placementOf } from './place-job.ts';

/** What the API server is told about a Job to be created that names a placement. */
export async function reviewJob(
  { settings, nodes }: { settings: ConnectorSettings; nodes: () => Promise<readonly Node[]> },
  request: AdmissionRequest,
): Promise<AdmissionAnswer> {
  const job = request.object as Job | undefined;
  if (request.operation !== 'CREATE' || job === undefined) return { allowed: true };
  if (job.spec?.template === undefined) throw new ApiError('BadRequest', 'the Job of the review has no pod template');
  const isNodesWanted = placementOf(job.metadata.labels) === 'can';
  const placement = placeJob(job, isNodesWanted ? await nodes() : [], settings);
  switch (placement.kind) {
    case 'Refused':
      return { allowed: false, code: 422, reason: 'Invalid', message: placement.reason };
    case 'Stays':
      return { allowed: true, ...(placement.warning === undefined ? {} : { warnings: [placement.warning] }) };
    case 'GoesOut':
    case 'MayOverflow':
      return { allowed: true, patch: [{ op: 'replace', path: '/spec', value: placement.spec }] };
  }
}
