import type { Node, Pod, Toleration } from '../../model/index.ts';
import { condition } from './facts.ts';

/**
 * Why a pod may not run on a node whatever room there is; undefined: it may. In doubt it says "may not", so that the judge
 * never blames a scheduler for a rule that it knows better: affinity other than by node name and `nodeSelector` counts as
 * a hindrance.
 */
export function mayRunOn({ spec }: Pod, { metadata, spec: nodeSpec, status }: Node): string | undefined {
  if (condition(status?.conditions, 'Ready')?.status !== 'True') return 'the node is not Ready';
  if (nodeSpec?.unschedulable === true) return 'the node is cordoned';
  for (const [label, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (metadata.labels?.[label] !== value) return `the node is not ${label}=${value}`;
  }
  const untolerated = (nodeSpec?.taints ?? []).find(
    (taint) => taint.effect !== 'PreferNoSchedule' && !(spec.tolerations ?? []).some((one) => tolerates(one, taint)),
  );
  if (untolerated !== undefined) return `the node is tainted ${untolerated.key}`;
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec.affinity ?? {};
  if (nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined) return 'it has node affinity';
  if ((podAffinity ?? podAntiAffinity) !== undefined) return 'it has pod affinity';
  return (spec.topologySpreadConstraints ?? []).length > 0 ? 'it has spread constraints' : undefined;
}

/** kubernetes.io "Taints and Tolerations". */
function tolerates(toleration: Toleration, taint: { key: string; value?: string; effect: string }): boolean {
  if (toleration.effect !== undefined && toleration.effect !== taint.effect) return false;
  if (toleration.key === undefined || toleration.key === '') return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}
