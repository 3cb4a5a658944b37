import type { Pod } from '../../model/index.ts';
import { type NodeBuilder, node } from '../testing.ts';

/** Affinity between pods in few words, for tests. */
export const HOST = 'kubernetes.io/hostname';
export type Labels = Record<string, string>;

export interface Term {
  topologyKey: string;
  labelSelector?: { matchLabels: Labels };
  namespaces?: string[];
  namespaceSelector?: { matchLabels?: Labels };
  matchLabelKeys?: string[];
  mismatchLabelKeys?: string[];
}

export const like = (matchLabels: Labels, topologyKey = 'zone', more: Partial<Term> = {}): Term => ({
  topologyKey,
  labelSelector: { matchLabels },
  ...more,
});
export const affinity = (rules: object): Partial<Pod['spec']> => ({ affinity: rules }) as Partial<Pod['spec']>;
export const near = (...terms: Term[]) =>
  affinity({ podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
export const apart = (...terms: Term[]) =>
  affinity({ podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } });
export const prefers = (kind: 'podAffinity' | 'podAntiAffinity', weight: number, podAffinityTerm: Term) =>
  affinity({ [kind]: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight, podAffinityTerm }] } });

export const zoned = (name: string, zone: string): NodeBuilder => node(name).labels({ zone, [HOST]: name });
