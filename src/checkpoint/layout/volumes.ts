import { diskFiles } from '../disk-files.ts';
import { description } from './description.ts';

const FOLDER = 'volumes/';
/** What a kubelet and its container runtime mount by themselves. */
const OWN_DESTINATIONS = new Set([
  '/dev/shm',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/run/.containerenv',
  '/run/secrets',
  '/var/run/secrets/kubernetes.io/serviceaccount',
]);
/** The file for the termination message, whose path in the container is the pod's choice. */
const OWN_SOURCE = /\/pods\/[^/]+\/containers\//;
/** Where kubelets, and the nodes of a sandbox, keep the volumes of pods. */
const OF_POD = /\/pods\/[^/]+\/(?:volumes|volume-subpaths)\//;

/** The volumes whose data is in the archive, by their names: Podman puts it there, as `volumes/NAME.tar`. */
export async function savedVolumes(folder: string): Promise<string[]> {
  const files = (await diskFiles.list(folder)) ?? [];
  return files
    .filter(({ path, kind }) => kind === 'file' && path.startsWith(FOLDER))
    .map(({ path }) => path.slice(FOLDER.length).replace(/\.tar$/, ''));
}

export interface MountedVolume {
  destination: string;
  /** It goes with its pod; else it is a folder of the node. */
  ofPod: boolean;
}

/** Where a container had volumes: CRIU restores it only where something is mounted there again. */
export async function mountedVolumes(folder: string): Promise<MountedVolume[]> {
  const { mounts = [] } = await description<{ mounts?: { type?: string; source?: string; destination?: string }[] }>(
    folder,
    'spec.dump',
  );
  return mounts.flatMap(({ type, source = '', destination = '' }) =>
    type === 'bind' && !OWN_DESTINATIONS.has(destination) && !OWN_SOURCE.test(source)
      ? [{ destination, ofPod: OF_POD.test(source) }]
      : [],
  );
}
