import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageReference } from '../agent/index.ts';
import {
  diskFiles,
  type ImportedContainer,
  mountedVolumes,
  readDumpStatistics,
  STATISTICS_FILE,
  savedVolumes,
  sealCheckpoint,
} from '../checkpoint/index.ts';
import { rfc3339 } from '../clock/index.ts';
import {
  CHECKPOINT_FINALIZER,
  type CheckpointedContainer,
  type Condition,
  FermataError,
  POD_CHECKPOINTS,
  type PodCheckpoint,
  type PodCheckpointStatus,
  withCondition,
} from '../model/index.ts';
import { recordImportedDump } from '../runtime/index.ts';
import type { Cluster } from './cluster.ts';

/** What a PodCheckpoint of a container from elsewhere is to say. */
export interface PreparedPod {
  /** Of the pod that goes on from it. */
  name: string;
  container: CheckpointedContainer;
  template: { metadata: object; spec: object };
  manifestDigest: string;
  completionTime: string;
}

/** As `spec.dump` has it (OCI runtime specification). */
interface Process {
  args?: string[];
  env?: string[];
  cwd?: string;
}

/**
 * Makes the checkpoint of a container, in `directory`, one of a pod: what a node restores by is written beside it, and all is sealed.
 * `byKubelets`: kubelets restore it. Throws FermataError `VolumesNotImported`.
 */
export async function preparePod(
  directory: string,
  { name, configuration, pod }: ImportedContainer,
  options: { namespace: string; checkpoint: string; byKubelets: boolean; now: number },
): Promise<PreparedPod> {
  const { namespace, checkpoint, byKubelets, now } = options;
  await mustHaveNoVolumes(join(directory, name), name, byKubelets);
  const podName = pod?.name ?? checkpoint;
  const image = configuration.rootfsImageName;
  const imageID = (configuration.rootfsImageID ?? configuration.rootfsImageRef ?? '').replace(/^sha256:/, '');
  await recordImportedDump(directory, {
    namespace,
    pod: podName,
    container: name,
    id: configuration.id,
    image,
    imageID,
  });
  const container = await containerOf(directory, name, image);
  const time = configuration.checkpointedTime ?? '';
  const createdAt = Number.isNaN(Date.parse(time)) ? rfc3339(now) : rfc3339(Date.parse(time));
  const { digest } = await sealCheckpoint(directory, { createdAt, containers: [container] });
  const { process } = JSON.parse(await readFile(join(directory, name, 'spec.dump'), 'utf8')) as { process?: Process };
  const spec = { restartPolicy: 'Never', containers: [{ name, image, ...commandOf(process ?? {}) }] };
  return {
    name: podName,
    container,
    template: { metadata: {}, spec },
    manifestDigest: digest,
    completionTime: createdAt,
  };
}

/** The pod that is made of it would have none of them: what was written there would be lost, or the restore fail. */
async function mustHaveNoVolumes(folder: string, container: string, byKubelets: boolean): Promise<void> {
  // Podman mounts folders of its machine by the container's own configuration.
  const mounted = (await mountedVolumes(folder)).filter(({ ofPod }) => ofPod || byKubelets);
  const volumes = [...(await savedVolumes(folder)), ...mounted.map(({ destination }) => destination)];
  if (volumes.length === 0) return;
  throw new FermataError(
    'VolumesNotImported',
    `container ${container} has volumes, which a PodCheckpoint made of it would not have: ${volumes.join(', ')}`,
    {
      nextStep:
        'Push it as an image (fermata checkpoints push) for a pod that has these volumes; what Podman made, Podman restores with its volumes.',
    },
  );
}

/**
 * Creates the PodCheckpoint as one whose pod was released: its workload is suspended, and held until somebody resumes it.
 * `restoreRegistry`: as the nodes' agents have it; undefined where no kubelet restores.
 */
export async function recordCheckpoint(
  { store, namespace }: Cluster,
  name: string,
  pod: PreparedPod,
  archive: { url: string; archive: string; digest: string; sizeBytes: number; encrypted: boolean },
  restoreRegistry: string | undefined,
): Promise<PodCheckpoint> {
  const made = await store.create(POD_CHECKPOINTS, {
    // Data that agents found in a store goes from there with the object.
    metadata: { namespace, name, finalizers: [CHECKPOINT_FINALIZER] },
    spec: { sourcePod: { name: pod.name }, postCheckpointState: 'Stopped', reason: 'Manual', restore: 'Manual' },
  });
  const { url, archive: own, digest, sizeBytes, encrypted } = archive;
  const restoreImage =
    restoreRegistry === undefined
      ? {}
      : { restoreImage: imageReference(restoreRegistry, made.metadata.uid, pod.container.name) };
  const status: PodCheckpointStatus = {
    completionTime: pod.completionTime,
    checkpointedPodTemplate: pod.template,
    checkpointedContainers: [{ ...pod.container, ...restoreImage }],
    checkpointLocation: { type: 'Store', store: { url, archive: own, digest, sizeBytes, encrypted } },
    manifestDigest: pod.manifestDigest,
    conditions: conditionsOf(url),
  };
  return store.patch(POD_CHECKPOINTS, { namespace, name }, { status }, { subresource: 'status' });
}

function conditionsOf(url: string): Condition[] {
  const time = rfc3339(Date.now());
  const said = (type: string, reason: string, message: string) => ({ type, status: 'True' as const, reason, message });
  return [
    said('Ready', 'CheckpointCompleted', 'it was made elsewhere, and imported'),
    said('Stored', 'Verified', `it is in ${url}, read back and verified`),
    said('Released', 'PodGone', 'its pod ran elsewhere'),
  ].reduce<Condition[]>((conditions, next) => withCondition(conditions, next, time), []);
}

async function containerOf(directory: string, name: string, image: string) {
  const files = (await diskFiles.list(join(directory, name))) ?? [];
  const hasStatistics = files.some(({ path }) => path === STATISTICS_FILE);
  const statistics = hasStatistics ? await readDumpStatistics(join(directory, name)) : undefined;
  return {
    name,
    image,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    freezingMicroseconds: statistics?.freezingMicroseconds ?? 0,
    frozenMicroseconds: statistics?.frozenMicroseconds ?? 0,
    memdumpMicroseconds: statistics?.memdumpMicroseconds ?? 0,
    memwriteMicroseconds: statistics?.memwriteMicroseconds ?? 0,
  };
}

/** How it ran, for whoever reads the pod: a restored container never runs its command again. */
function commandOf({ args = [], env = [], cwd }: Process): object {
  return {
    ...(args.length === 0 ? {} : { command: args }),
    ...(cwd === undefined ? {} : { workingDir: cwd }),
    ...(env.length === 0
      ? {}
      : {
          env: env.map((entry) => {
            const at = entry.indexOf('=');
            return { name: entry.slice(0, at), value: entry.slice(at + 1) };
          }),
        }),
  };
}
