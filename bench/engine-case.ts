import type { ClusterEvent } from '../src/scheduling/index.ts';
import type { NodeShape, PodShape } from './engine-objects.ts';

export type SetUp = (scale: { nodes: number; pods: number }) => Iterable<ClusterEvent>;

/** One benchmark: what is there before, and the pods that are measured. */
export interface EngineCase {
  readonly nodes: number;
  readonly pods: number;
  /** Pods a second that kube-scheduler's CI demands of it; absent: it demands none. */
  readonly floor?: number;
  readonly node?: NodeShape;
  /** A pod takes about a millisecond or more: its processor time is measured by itself, too. */
  readonly slow?: true;
  /** Pods bound before, by number. */
  readonly before?: { readonly count: number; readonly shape: (index: number) => PodShape };
  /** Anything else that is there before. */
  readonly setUp?: SetUp;
  /** Pods that are tried before measuring begins, and bound where they fit; without a count as many as are measured. */
  readonly waiting?: { readonly count?: number; readonly shape: (index: number) => PodShape };
  /** Absent: those that wait are measured, who come to their places by what happens beside. */
  readonly pod?: (index: number) => PodShape;
  /** What happens beside, before the measured pod of that number. */
  readonly beside?: (index: number) => Iterable<ClusterEvent>;
}
