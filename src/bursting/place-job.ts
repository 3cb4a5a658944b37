import { HPC_ANNOTATION_PREFIX, HPC_EXIT } from '../hpc/index.ts';
import type { Node } from '../model/index.ts';
import { type ConnectorSettings, connectorPod } from './connector-pod.ts';
import { couldRunHere } from './could-run.ts';
import type { Job, PodTemplate } from './job.ts';
import { PLACEMENT_LABEL, PLACEMENTS, type Placement } from './marks.ts';
import { obstaclesOf } from './obstacles.ts';

/** What becomes of a new Job that names a placement. */
export type JobPlacement =
  /** Its pods are connectors from the first on. */
  | { kind: 'GoesOut'; spec: Job['spec'] }
  /** Its pods run here until one finds no room for too long. */
  | { kind: 'MayOverflow'; spec: Job['spec'] }
  /** Runs here as if it named none; `warning` for its owner, where it asked for something else. */
  | { kind: 'Stays'; warning?: string }
  | { kind: 'Refused'; reason: string };

/** @param nodes of the cluster; read only for `can` */
export function placeJob(job: Job, nodes: readonly Node[], settings: ConnectorSettings): JobPlacement {
  const placement = placementOf(job.metadata.labels);
  if (placement === undefined) {
    const value = job.metadata.labels?.[PLACEMENT_LABEL];
    return { kind: 'Refused', reason: `label ${PLACEMENT_LABEL} is "${value}"; it takes ${PLACEMENTS.join(', ')}` };
  }
  if (placement === 'can' && couldRunHere(job.spec.template.spec ?? { containers: [] }, nodes))
    return { kind: 'Stays' };
  const asked = withAnnotationsOf(job);
  const obstacles = obstaclesOf(asked, placement);
  if (obstacles.length > 0) {
    const reason = `it cannot run at an HPC site: ${obstacles.join('; ')}`;
    return placement === 'must' ? { kind: 'Refused', reason } : { kind: 'Stays', warning: reason };
  }
  if (placement === 'overflow') return { kind: 'MayOverflow', spec: mayOverflow(asked.spec) };
  const template = withDeadlineOf(asked.spec);
  return { kind: 'GoesOut', spec: withFailurePolicy({ ...asked.spec, template: connectorPod(template, settings) }) };
}

/** Undefined for a label that is none of {@link PLACEMENTS}. */
export function placementOf(labels: Readonly<Record<string, string>> | undefined): Placement | undefined {
  return PLACEMENTS.find((placement) => placement === labels?.[PLACEMENT_LABEL]);
}

/** People annotate the Job; connectors read what their pod says. What the template says wins. */
function withAnnotationsOf({ metadata, spec }: Job): Pick<Job, 'spec'> {
  const own = Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith(HPC_ANNOTATION_PREFIX));
  const annotations = { ...Object.fromEntries(own), ...spec.template.metadata?.annotations };
  return { spec: { ...spec, template: { ...spec.template, metadata: { ...spec.template.metadata, annotations } } } };
}

/** A Job that ends at its deadline anyhow asks for no longer walltime. */
function withDeadlineOf({ template, activeDeadlineSeconds }: Job['spec']): PodTemplate {
  if (activeDeadlineSeconds === undefined || template.spec === undefined) return template;
  const own = template.spec.activeDeadlineSeconds ?? activeDeadlineSeconds;
  return { ...template, spec: { ...template.spec, activeDeadlineSeconds: Math.min(own, activeDeadlineSeconds) } };
}

/** Its pods are to be found by their label, and one that makes way for a connector is no failure. */
function mayOverflow(spec: Job['spec']): Job['spec'] {
  const { metadata } = spec.template;
  const labels = { ...metadata?.labels, [PLACEMENT_LABEL]: 'overflow' };
  const { rules = [] } = spec.podFailurePolicy ?? {};
  const isIgnored = rules.some(
    ({ action, onPodConditions = [] }) =>
      action === 'Ignore' && onPodConditions.some(({ type }) => type === 'DisruptionTarget'),
  );
  return {
    ...spec,
    template: { ...spec.template, metadata: { ...metadata, labels } },
    podFailurePolicy: { rules: isIgnored ? rules : [DISRUPTION, ...rules] },
  };
}

/** A connector that was evicted has not failed, and one whose job the site refuses is not to try again. */
function withFailurePolicy(spec: Job['spec']): Job['spec'] {
  if (spec.podFailurePolicy !== undefined) return spec;
  return { ...spec, podFailurePolicy: { rules: [DISRUPTION, REFUSED] } };
}

const DISRUPTION = {
  action: 'Ignore',
  onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
};
const REFUSED = { action: 'FailJob', onExitCodes: { operator: 'In', values: [HPC_EXIT.refused] } };
