/** In the directory of a dump that the kubelet's own `PodCheckpoint` holds (KEP-5823): what there is of it elsewhere. */
export const UPSTREAM_RECORD = 'upstream.json';

export interface UpstreamRecord {
  /** Of the object in `node.k8s.io`. */
  namespace: string;
  name: string;
  /** What was dumped; empty until it is complete. */
  containers: { name: string; image: string; sizeBytes: number }[];
  /** Absolute, as this process sees it; absent until it is complete. */
  folder?: string;
  /** Spec that a pod must have to be restored from it; absent until it is complete. */
  template?: object;
}
