import { Type } from 'typebox';
import { atomic, choice, described, integer, list, object, text } from './fields.ts';
import { LabelSelectorSchema } from './label-selector.ts';

export const NodeSelectorRequirement = object(
  'NodeSelectorRequirement',
  'One requirement on the labels or fields of a node.',
  ['key', 'operator'],
  {
    key: text('The label key that the selector applies to.'),
    operator: choice("Represents a key's relationship to a set of values.", [
      'In',
      'NotIn',
      'Exists',
      'DoesNotExist',
      'Gt',
      'Lt',
    ]),
    values: list(Type.String(), 'Values the operator relates the key to.', atomic),
  },
);

export const NodeSelectorTerm = object(
  'NodeSelectorTerm',
  'Requirements that must all hold; an empty term matches no node.',
  [],
  {
    matchExpressions: list(NodeSelectorRequirement, "A list of node selector requirements by node's labels.", atomic),
    matchFields: list(NodeSelectorRequirement, "A list of node selector requirements by node's fields.", atomic),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const NodeSelector = object(
  'NodeSelector',
  'Matches the nodes that at least one of its terms matches.',
  ['nodeSelectorTerms'],
  {
    nodeSelectorTerms: list(NodeSelectorTerm, 'A list of node selector terms.', atomic),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const PreferredSchedulingTerm = object(
  'PreferredSchedulingTerm',
  'A node selector term that is preferred by a weight.',
  ['preference', 'weight'],
  {
    preference: described(NodeSelectorTerm, 'A node selector term, associated with the corresponding weight.'),
    weight: integer('Weight associated with matching the corresponding nodeSelectorTerm, in the range 1-100.'),
  },
);

export const NodeAffinity = object('NodeAffinity', 'Node affinity is a group of node affinity scheduling rules.', [], {
  preferredDuringSchedulingIgnoredDuringExecution: list(
    PreferredSchedulingTerm,
    'Nodes the scheduler prefers, by weight; others may be chosen.',
    atomic,
  ),
  requiredDuringSchedulingIgnoredDuringExecution: described(NodeSelector, 'Nodes outside of it are never chosen.'),
});

export const PodAffinityTerm = object(
  'PodAffinityTerm',
  'A set of pods, and the topology within which to be together with, or apart from, them.',
  ['topologyKey'],
  {
    labelSelector: described(LabelSelectorSchema, 'A label query over a set of resources, in this case pods.'),
    matchLabelKeys: list(Type.String(), 'Pod label keys whose values must equal those of the incoming pod.', atomic),
    mismatchLabelKeys: list(
      Type.String(),
      'Pod label keys whose values must differ from those of the incoming pod.',
      atomic,
    ),
    namespaceSelector: described(
      LabelSelectorSchema,
      'A label query over the set of namespaces that the term applies to.',
    ),
    namespaces: list(Type.String(), 'A static list of namespace names that the term applies to.', atomic),
    topologyKey: text('Node label whose value says which nodes count as the same place.'),
  },
);

export const WeightedPodAffinityTerm = object(
  'WeightedPodAffinityTerm',
  'A pod affinity term that is preferred by a weight.',
  ['podAffinityTerm', 'weight'],
  {
    podAffinityTerm: described(PodAffinityTerm, 'A pod affinity term, associated with the corresponding weight.'),
    weight: integer('Weight associated with matching the corresponding podAffinityTerm, in the range 1-100.'),
  },
);

export const PodAffinity = object(
  'PodAffinity',
  'Pod affinity is a group of inter pod affinity scheduling rules.',
  [],
  {
    preferredDuringSchedulingIgnoredDuringExecution: list(
      WeightedPodAffinityTerm,
      'Places the scheduler prefers, by weight; others may be chosen.',
      atomic,
    ),
    requiredDuringSchedulingIgnoredDuringExecution: list(
      PodAffinityTerm,
      'Places outside of them are never chosen.',
      atomic,
    ),
  },
);

export const PodAntiAffinity = object(
  'PodAntiAffinity',
  'Pod anti affinity is a group of inter pod anti affinity scheduling rules.',
  [],
  {
    preferredDuringSchedulingIgnoredDuringExecution: list(
      WeightedPodAffinityTerm,
      'Places the scheduler avoids, by weight; they may be chosen.',
      atomic,
    ),
    requiredDuringSchedulingIgnoredDuringExecution: list(PodAffinityTerm, 'Places that are never chosen.', atomic),
  },
);

export const Affinity = object('Affinity', 'A group of affinity scheduling rules.', [], {
  nodeAffinity: described(NodeAffinity, 'Nodes to run on.'),
  podAffinity: described(PodAffinity, 'Places to share with other pods.'),
  podAntiAffinity: described(PodAntiAffinity, 'Places not to share with other pods.'),
});

export const Toleration = object(
  'Toleration',
  'Taints the pod may run beside: those that match key, value and effect by the operator.',
  [],
  {
    effect: choice('Effect to tolerate; empty: every effect.', ['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']),
    key: text('Taint key to tolerate; empty with Exists: every taint.'),
    operator: choice("A key's relationship to the value.", ['Equal', 'Exists', 'Lt', 'Gt']),
    tolerationSeconds: integer('How long a NoExecute taint is tolerated; absent: for ever.'),
    value: text('The taint value the toleration matches to.'),
  },
);

export const TopologySpreadConstraint = object(
  'TopologySpreadConstraint',
  'How to spread matching pods among the given topology.',
  ['maxSkew', 'topologyKey', 'whenUnsatisfiable'],
  {
    labelSelector: described(LabelSelectorSchema, 'Used to find matching pods.'),
    matchLabelKeys: list(
      Type.String(),
      'A set of pod label keys to select the pods over which spreading will be calculated.',
      atomic,
    ),
    maxSkew: integer('The degree to which pods may be unevenly distributed.'),
    minDomains: integer('A minimum number of eligible domains.'),
    nodeAffinityPolicy: choice(
      "How we will treat Pod's nodeAffinity/nodeSelector when calculating pod topology spread skew.",
      ['Honor', 'Ignore'],
    ),
    nodeTaintsPolicy: choice('How we will treat node taints when calculating pod topology spread skew.', [
      'Honor',
      'Ignore',
    ]),
    topologyKey: text('The key of node labels.'),
    whenUnsatisfiable: choice('What to do when the constraint cannot be met.', ['DoNotSchedule', 'ScheduleAnyway']),
  },
);
