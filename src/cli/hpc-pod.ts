import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type JobRequest, readDownwardApi, requestOfPod } from '../hpc/index.ts';

/** What the downward API says of the pod that the connector runs in. */
export interface ConnectorPod {
  request: Partial<JobRequest>;
  /** `namespace/name` of the Job; undefined outside of a pod. */
  owner?: string;
  jobUid?: string;
  /** The Job's UID and the index of this completion: what all incarnations of it share. */
  identity?: string;
}

const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';

/**
 * Reads a downward API volume with `annotations`, `labels`, `namespace` and, where the pod asks for resources, `cpu`, `memory`
 * and `gpus`; what is not there is left out.
 */
export async function readConnectorPod(folder: string): Promise<ConnectorPod> {
  const read = (name: string): Promise<string | undefined> =>
    readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
  const [annotations, labels, namespace, cpu, memory, gpus] = await Promise.all(
    ['annotations', 'labels', 'namespace', 'cpu', 'memory', 'gpus'].map(read),
  );
  const annotation = readDownwardApi(annotations ?? '');
  const request = requestOfPod({
    annotations: annotation,
    resources: {
      ...(cpu === undefined ? {} : { cpu: cpu.trim() }),
      ...(memory === undefined ? {} : { memory: memory.trim() }),
      ...(gpus === undefined ? {} : { gpus: gpus.trim() }),
    },
  });
  const label = readDownwardApi(labels ?? '');
  const name = label['batch.kubernetes.io/job-name'] ?? label['job-name'];
  const uid = label['batch.kubernetes.io/controller-uid'] ?? label['controller-uid'];
  // A label too from Kubernetes 1.28 on.
  const index = label[COMPLETION_INDEX] ?? annotation[COMPLETION_INDEX] ?? '';
  return {
    request,
    ...(name === undefined ? {} : { owner: `${namespace?.trim() ?? 'default'}/${name}` }),
    ...(uid === undefined ? {} : { jobUid: uid, identity: `${uid}/${index}` }),
  };
}
