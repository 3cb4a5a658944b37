import type { CheckpointFiles } from '../checkpoint/index.ts';
import { FermataError, type InterruptionPolicy, type Pod, type PodCheckpoint } from '../model/index.ts';
import { UPSTREAM_RECORD, type UpstreamRecord } from '../runtime/index.ts';
import { emptyDirsOf } from './checkpoint-folder.ts';
import { groupOf } from './group-votes.ts';

/** Names, images and a pod's spec. */
const MAXIMUM_RECORD_BYTES = 4 * 1024 * 1024;

/**
 * Why the kubelet's own PodCheckpoint (KEP-5823) would give the pod less than the checkpoint endpoint does; undefined: it would not.
 * Each is a thing the contract leaves out, so a pod that needs it is dumped by the endpoint. Pure.
 */
export function upstreamObstacle(
  pod: Pod,
  checkpoint: PodCheckpoint,
  policy: InterruptionPolicy | undefined,
): string | undefined {
  const { reason } = checkpoint.spec;
  const { restartPolicy = 'Always', ephemeralContainers = [] } = pod.spec;
  const controller = pod.metadata.ownerReferences?.find((owner) => owner.controller === true);
  const [volume] = emptyDirsOf(pod);
  if (reason === 'Drain' || reason === 'Migration') return 'it is to leave its node, and is restored on that node only';
  if (groupOf(checkpoint) !== undefined)
    return 'its group goes back as one, with its connections, and those are closed';
  if (controller !== undefined) return `${controller.kind} ${controller.name} makes the next pod, and may not restore`;
  if (volume !== undefined) return `the content of its emptyDir ${volume} is not saved`;
  if (ephemeralContainers.length > 0) return 'its ephemeral containers are in no contract';
  // Once a pod runs, `restoreFrom` is ignored: a container that crashes then starts from its image.
  if (restartPolicy !== 'Never' && policy?.spec.restartFrom !== 'Image')
    return 'a container that crashes would start again from its image';
  return undefined;
}

/** What a complete dump left where the kubelet's own PodCheckpoint holds the data; undefined: it does not. */
export async function readUpstreamRecord(
  directory: string,
  files: CheckpointFiles,
): Promise<UpstreamRecord | undefined> {
  try {
    const bytes = await files.read(directory, UPSTREAM_RECORD, MAXIMUM_RECORD_BYTES);
    return JSON.parse(new TextDecoder().decode(bytes)) as UpstreamRecord;
  } catch (error) {
    if (error instanceof FermataError && error.code === 'CheckpointIncomplete') return undefined;
    throw error;
  }
}
