import { type LabelSelector, matchesLabelSelector, type Node, type Pod } from '../../../model/index.ts';
import type { World } from './testing-cluster.ts';

/**
 * Affinity and spreading by the letter of the API documentation, walking over all pods and nodes for every question:
 * slow, and written without looking at how the plugins do it.
 */
type Affinity = NonNullable<Pod['spec']['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number] & { matchLabelKeys?: string[]; mismatchLabelKeys?: string[] };
type Labels = Record<string, string>;

const labelsOf = (object: Pod | Node): Labels => object.metadata.labels ?? {};

/** The pods that are on nodes which exist. */
function existing({ placed, nodes }: World): { pod: Pod; node: Node }[] {
  return [...placed.values()].flatMap(({ pod, on }) => {
    const node = nodes.get(on);
    return node === undefined ? [] : [{ pod, node }];
  });
}

function selects(selector: LabelSelector | undefined, keys: string[] | undefined, owner: Pod, labels: Labels): boolean {
  if (selector === undefined || !matchesLabelSelector(selector, labels)) return false;
  return (keys ?? []).every((key) => labelsOf(owner)[key] === undefined || labelsOf(owner)[key] === labels[key]);
}

function speaksOf(term: Term, owner: Pod, other: Pod, world: World): boolean {
  const named = term.namespaces ?? [];
  const selected =
    term.namespaceSelector !== undefined &&
    matchesLabelSelector(
      term.namespaceSelector as LabelSelector,
      world.namespaces.get(other.metadata.namespace ?? 'default') ?? {},
    );
  const own =
    named.length === 0 && term.namespaceSelector === undefined && other.metadata.namespace === owner.metadata.namespace;
  if (!own && !selected && !named.includes(other.metadata.namespace ?? 'default')) return false;
  return selects(term.labelSelector as LabelSelector | undefined, term.matchLabelKeys, owner, labelsOf(other));
}

const together = (key: string, one: Node, other: Node): boolean =>
  labelsOf(one)[key] !== undefined && labelsOf(one)[key] === labelsOf(other)[key];

/** Which rule of affinity between pods keeps the pod off the node, if any. */
export function affinityVerdict(pod: Pod, node: Node, world: World): 'affinity' | 'anti' | 'existing' | undefined {
  const pods = existing(world);
  const needed = (pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) as Term[];
  const refused = (pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) as Term[];
  if (needed.length > 0) {
    const partners = pods.filter((other) => needed.every((term) => speaksOf(term, pod, other.pod, world)));
    const met = needed.every(({ topologyKey }) =>
      partners.some((partner) => together(topologyKey, partner.node, node)),
    );
    const first =
      !partners.some((partner) => needed.some(({ topologyKey }) => topologyKey in labelsOf(partner.node))) &&
      needed.every((term) => speaksOf(term, pod, pod, world)) &&
      needed.every(({ topologyKey }) => topologyKey in labelsOf(node));
    if (!met && !first) return 'affinity';
  }
  const clash = (term: Term, owner: Pod, other: Pod, there: Node): boolean =>
    speaksOf(term, owner, other, world) && together(term.topologyKey, there, node);
  if (pods.some((other) => refused.some((term) => clash(term, pod, other.pod, other.node)))) return 'anti';
  const repels = pods.some((other) =>
    ((other.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) as Term[]).some(
      (term) => clash(term, other.pod, pod, other.node),
    ),
  );
  return repels ? 'existing' : undefined;
}

/** The sum of the weights of the terms, both ways, that hold between the pod on this node and the pods that are there. */
export function affinityScore(pod: Pod, node: Node, world: World, hardWeight: number): number {
  let score = 0;
  const count = (term: Term, weight: number, owner: Pod, other: Pod, there: Node): void => {
    if (speaksOf(term, owner, other, world) && together(term.topologyKey, there, node)) score += weight;
  };
  for (const other of existing(world)) {
    for (const [owner, subject] of [
      [pod, other.pod],
      [other.pod, pod],
    ] as const) {
      const { podAffinity, podAntiAffinity } = owner.spec.affinity ?? {};
      for (const { weight, podAffinityTerm } of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
        count(podAffinityTerm, weight, owner, subject, other.node);
      }
      for (const { weight, podAffinityTerm } of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ??
        []) {
        count(podAffinityTerm, -weight, owner, subject, other.node);
      }
    }
    for (const term of other.pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      count(term, hardWeight, other.pod, pod, other.node);
    }
  }
  return score;
}

type Constraint = NonNullable<Pod['spec']['topologySpreadConstraints']>[number];

function counts(constraint: Constraint, all: readonly Constraint[], pod: Pod, node: Node): boolean {
  if (!all.every(({ topologyKey }) => topologyKey in labelsOf(node))) return false;
  const { nodeSelector = {}, tolerations = [] } = pod.spec;
  const isOpen = Object.entries(nodeSelector).every(([key, value]) => labelsOf(node)[key] === value);
  if (constraint.nodeAffinityPolicy !== 'Ignore' && !isOpen) return false;
  // The only tolerations in these worlds tolerate everything.
  return constraint.nodeTaintsPolicy !== 'Honor' || tolerations.length > 0 || (node.spec?.taints ?? []).length === 0;
}

/** Pods of each domain that count for the constraint; domains without pods have 0. */
function spread(constraint: Constraint, all: readonly Constraint[], pod: Pod, world: World): Map<string, number> {
  const selector = constraint.labelSelector as LabelSelector | undefined;
  const hasRequirements =
    Object.keys(selector?.matchLabels ?? {}).length > 0 ||
    (selector?.matchExpressions ?? []).length > 0 ||
    (constraint.matchLabelKeys ?? []).some((key) => labelsOf(pod)[key] !== undefined);
  const domains = new Map<string, number>();
  for (const node of world.nodes.values()) {
    const domain = labelsOf(node)[constraint.topologyKey];
    if (domain === undefined || !counts(constraint, all, pod, node)) continue;
    const there = existing(world).filter(
      (other) =>
        other.node === node &&
        hasRequirements &&
        other.pod.metadata.deletionTimestamp === undefined &&
        other.pod.metadata.namespace === pod.metadata.namespace &&
        selects(selector, constraint.matchLabelKeys, pod, labelsOf(other.pod)),
    );
    domains.set(domain, (domains.get(domain) ?? 0) + there.length);
  }
  return domains;
}

/** Which rule of spreading keeps the pod off the node, if any. */
export function spreadVerdict(pod: Pod, node: Node, world: World): 'label' | 'skew' | undefined {
  const all = (pod.spec.topologySpreadConstraints ?? []).filter((each) => each.whenUnsatisfiable === 'DoNotSchedule');
  for (const constraint of all) {
    const domain = labelsOf(node)[constraint.topologyKey];
    if (domain === undefined) return 'label';
    const domains = spread(constraint, all, pod, world);
    const least = domains.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...domains.values());
    const self = selects(
      constraint.labelSelector as LabelSelector | undefined,
      constraint.matchLabelKeys,
      pod,
      labelsOf(pod),
    );
    if ((domains.get(domain) ?? 0) + Number(self) - least > constraint.maxSkew) return 'skew';
  }
  return undefined;
}

/**
 * Raw score of a node by the pod's ScheduleAnyway constraints, `undefined` for a node that lacks one of their labels;
 * `feasible` are the nodes compared.
 */
export function spreadScore(pod: Pod, node: Node, feasible: readonly Node[], world: World): number | undefined {
  const all = (pod.spec.topologySpreadConstraints ?? []).filter((each) => each.whenUnsatisfiable === 'ScheduleAnyway');
  const compared = feasible.filter((each) => all.every(({ topologyKey }) => topologyKey in labelsOf(each)));
  if (!compared.includes(node)) return undefined;
  let score = 0;
  for (const constraint of all) {
    const key = constraint.topologyKey;
    const isByHost = key === 'kubernetes.io/hostname';
    const domains = isByHost ? compared.length : new Set(compared.map((each) => labelsOf(each)[key])).size;
    // By host name, the pods of this very node count, whether or not the node itself would.
    const everywhere = { ...constraint, nodeAffinityPolicy: 'Ignore', nodeTaintsPolicy: 'Ignore' };
    const alone = { ...world, nodes: new Map([[node.metadata.name, node]]) };
    const counted = isByHost ? spread(everywhere, [], pod, alone) : spread(constraint, all, pod, world);
    const count = counted.get(labelsOf(node)[key] ?? '') ?? 0;
    score += count * Math.log(domains + 2) + (constraint.maxSkew - 1);
  }
  return Math.round(score);
}
