import type { core } from './job.ts';

/** Label on a Job: may it run at an HPC site, and when? */
export const PLACEMENT_LABEL = 'fermata.dev/hpc';

/**
 * `must`: at once. `can`: if no node of the cluster is large enough for it. `overflow`: once the cluster has had no room for
 * a pod of it within a given time.
 */
export const PLACEMENTS = ['can', 'must', 'overflow'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** On a Job or its pod template: host of the connector's ssh configuration. */
export const HOST_ANNOTATION = 'hpc.fermata.dev/host';
/** The batch system there, where several are installed: `slurm`, `pbs`, `gridengine`. */
export const SCHEDULER_ANNOTATION = 'hpc.fermata.dev/scheduler';
/** The Secret, in the Job's namespace, with that configuration and the key. */
export const SECRET_ANNOTATION = 'hpc.fermata.dev/secret';
/** Paths of the container's volumes that go there with the job, and patterns of what comes back, parted by blanks. */
export const STAGE_IN_ANNOTATION = 'hpc.fermata.dev/stage-in';
export const STAGE_OUT_ANNOTATION = 'hpc.fermata.dev/stage-out';
/** How long a pod waits for room in the cluster before it goes out: a Kubernetes duration. */
export const OVERFLOW_AFTER_ANNOTATION = 'hpc.fermata.dev/overflow-after';
/** What the batch system runs the program in; `none`: in nothing, as a command of the site. */
export const IMAGE_ANNOTATION = 'hpc.fermata.dev/image';
/** Set on a Job whose pods go out from now on: since when, RFC 3339. It is never taken back. */
export const OVERFLOWED_ANNOTATION = 'fermata.dev/hpc-overflowed';

/** Set on a pod of such a Job that runs here all the same: why it could not become a connector. */
export const STAYS_ANNOTATION = 'fermata.dev/hpc-stays';

/** What is for whoever makes the connector's pod; everything else is for the connector in it. */
export const PLACEMENT_ANNOTATIONS: readonly string[] = [
  HOST_ANNOTATION,
  SCHEDULER_ANNOTATION,
  SECRET_ANNOTATION,
  STAGE_IN_ANNOTATION,
  STAGE_OUT_ANNOTATION,
  OVERFLOW_AFTER_ANNOTATION,
];

/** Is this the pod of a connector, whoever made it? */
export function isConnector(pod: { spec?: core.PodSpec }): boolean {
  return pod.spec?.containers.some(({ name }) => name === CONNECTOR_CONTAINER) === true;
}

export const CONNECTOR_CONTAINER = 'fermata-hpc';
