import type { LabelSelector, Pod } from '../../../model/index.ts';
import { keyRequirements } from '../topology/affinity-terms.ts';
import { type Selector, selectorOf } from '../topology/selector.ts';

type TopologySpreadConstraint = NonNullable<Pod['spec']['topologySpreadConstraints']>[number];

/** A topology spread constraint with its defaults filled in and its selector made ready. */
export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  /** Fewer domains than this count as if one more were empty. */
  readonly minDomains: number;
  readonly selector: Selector;
  readonly honorsNodeAffinity: boolean;
  readonly honorsTaints: boolean;
}

export type WhenUnsatisfiable = 'DoNotSchedule' | 'ScheduleAnyway';

/** A constraint of the plugin's configuration: without selector, which comes from the pod's Service or owner. */
export interface DefaultConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: WhenUnsatisfiable;
}

export const HOSTNAME = 'kubernetes.io/hostname';

/** Upstream's `systemDefaultConstraints`. */
export const SYSTEM_DEFAULT_CONSTRAINTS: readonly DefaultConstraint[] = [
  { topologyKey: HOSTNAME, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

export interface SpreadConstraints {
  readonly required: readonly SpreadConstraint[];
  readonly preferred: readonly SpreadConstraint[];
}

const NONE: SpreadConstraints = { required: [], preferred: [] };
const REMEMBERED = 4096;

/** Reads the constraints of pods; pods of one template share them. */
export class ConstraintReader {
  readonly #known = new Map<string, SpreadConstraints>();

  of(pod: Pod): SpreadConstraints {
    const { topologySpreadConstraints: constraints = [] } = pod.spec;
    if (constraints.length === 0) return NONE;
    const text = JSON.stringify([constraints, constraints.map((constraint) => ownLabels(constraint, pod))]);
    let read = this.#known.get(text);
    if (read === undefined) {
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      const those = (when: WhenUnsatisfiable) =>
        constraints
          .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when)
          .map((constraint) => constraintOf(constraint, pod));
      read = { required: those('DoNotSchedule'), preferred: those('ScheduleAnyway') };
      this.#known.set(text, read);
    }
    return read;
  }
}

function ownLabels({ matchLabelKeys }: TopologySpreadConstraint, pod: Pod) {
  return keyRequirements(matchLabelKeys, 'In', pod.metadata.labels);
}

function constraintOf(constraint: TopologySpreadConstraint, pod: Pod): SpreadConstraint {
  const {
    topologyKey,
    maxSkew,
    minDomains = 1,
    nodeAffinityPolicy = 'Honor',
    nodeTaintsPolicy = 'Ignore',
  } = constraint;
  return {
    topologyKey,
    maxSkew,
    minDomains,
    selector: selectorOf(constraint.labelSelector as LabelSelector | undefined, ownLabels(constraint, pod)),
    honorsNodeAffinity: nodeAffinityPolicy === 'Honor',
    honorsTaints: nodeTaintsPolicy === 'Honor',
  };
}

export function withSelector({ topologyKey, maxSkew }: DefaultConstraint, selector: Selector): SpreadConstraint {
  return { topologyKey, maxSkew, minDomains: 1, selector, honorsNodeAffinity: true, honorsTaints: false };
}
