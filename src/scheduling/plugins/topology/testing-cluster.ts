import fc from 'fast-check';
import type { Node, Pod } from '../../../model/index.ts';
import type { Cluster } from '../../snapshot/cluster.ts';
import { podInfo } from '../../snapshot/pod-info.ts';
import { at, node, pod } from '../../testing.ts';

/** Random small clusters for properties: few labels, zones and namespaces, so that terms and pods meet often. */
type Labels = Record<string, string>;

export type Change =
  | { readonly type: 'place'; readonly uid: string; readonly pod: Pod; readonly on: string }
  | { readonly type: 'displace'; readonly uid: string }
  | { readonly type: 'node'; readonly node: Node }
  | { readonly type: 'removeNode'; readonly name: string }
  | { readonly type: 'namespace'; readonly name: string; readonly labels: Labels };

const NAMES = ['n1', 'n2', 'n3', 'n4'];
const UIDS = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7'];
const KEYS = ['zone', 'kubernetes.io/hostname'];
const NAMESPACES = ['a', 'b', 'c'];

const labels = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('x', 'y'), { maxKeys: 2 });
const requirement = fc.oneof(
  fc.record({
    key: fc.constantFrom('app', 'tier'),
    operator: fc.constantFrom('In' as const, 'NotIn' as const),
    values: fc.uniqueArray(fc.constantFrom('x', 'y'), { minLength: 1 }),
  }),
  fc.record({
    key: fc.constantFrom('app', 'tier'),
    operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
  }),
);
export const selector = fc.oneof(
  fc.record({ matchLabels: labels }),
  fc.record({ matchExpressions: fc.array(requirement, { maxLength: 2 }) }),
);

const term = fc.record(
  {
    labelSelector: selector,
    topologyKey: fc.constantFrom(...KEYS),
    namespaces: fc.uniqueArray(fc.constantFrom(...NAMESPACES), { maxLength: 2 }),
    namespaceSelector: fc.oneof(fc.constant({}), fc.record({ matchLabels: fc.constant({ team: 'red' }) })),
    matchLabelKeys: fc.constant(['tier']),
  },
  { requiredKeys: ['labelSelector', 'topologyKey'] },
);
const terms = fc.array(term, { maxLength: 2 });
const weighted = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 9 }), podAffinityTerm: term }), {
  maxLength: 2,
});
const rules = fc.record(
  {
    requiredDuringSchedulingIgnoredDuringExecution: terms,
    preferredDuringSchedulingIgnoredDuringExecution: weighted,
  },
  { requiredKeys: [] },
);
const constraint = fc.record(
  {
    topologyKey: fc.constantFrom(...KEYS),
    maxSkew: fc.integer({ min: 1, max: 2 }),
    whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
    labelSelector: selector,
    minDomains: fc.integer({ min: 1, max: 4 }),
    nodeAffinityPolicy: fc.constantFrom('Honor', 'Ignore'),
    nodeTaintsPolicy: fc.constantFrom('Honor', 'Ignore'),
    matchLabelKeys: fc.constant(['tier']),
  },
  { requiredKeys: ['topologyKey', 'maxSkew', 'whenUnsatisfiable', 'labelSelector'] },
);

export const anyPod = fc
  .record({
    namespace: fc.constantFrom(...NAMESPACES),
    labels,
    podAffinity: fc.option(rules, { nil: undefined }),
    podAntiAffinity: fc.option(rules, { nil: undefined }),
    constraints: fc.array(constraint, { maxLength: 2 }),
    selectsZone: fc.option(fc.constantFrom('east', 'west'), { nil: undefined, freq: 3 }),
    tolerates: fc.boolean(),
    terminating: fc.boolean(),
  })
  .map(({ namespace, labels: own, podAffinity, podAntiAffinity, constraints, selectsZone, tolerates, terminating }) => {
    const builder = pod('p').namespace(namespace).labels(own);
    if (podAffinity !== undefined || podAntiAffinity !== undefined) {
      builder.spec({
        affinity: {
          ...(podAffinity === undefined ? {} : { podAffinity }),
          ...(podAntiAffinity === undefined ? {} : { podAntiAffinity }),
        },
      } as unknown as Partial<Pod['spec']>);
    }
    if (constraints.length > 0)
      builder.spec({ topologySpreadConstraints: constraints } as unknown as Partial<Pod['spec']>);
    if (selectsZone !== undefined) builder.spec({ nodeSelector: { zone: selectsZone } });
    if (tolerates) builder.tolerates({ operator: 'Exists' });
    if (terminating) builder.terminating(0);
    return builder.build();
  });

const anyNode = fc
  .record({
    name: fc.constantFrom(...NAMES),
    zone: fc.option(fc.constantFrom('east', 'west', 'north'), { nil: undefined, freq: 5 }),
    hasHostname: fc.boolean(),
    tainted: fc.boolean(),
  })
  .map(({ name, zone, hasHostname, tainted }) => {
    const builder = node(name).labels({
      ...(zone === undefined ? {} : { zone }),
      ...(hasHostname ? { 'kubernetes.io/hostname': name } : {}),
    });
    return (tainted ? builder.taints({ key: 'dedicated', effect: 'NoSchedule' }) : builder).build();
  });

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({ uid: fc.constantFrom(...UIDS), pod: anyPod, on: fc.constantFrom(...NAMES) })
      .map((placing) => ({ type: 'place' as const, ...placing })),
  },
  { weight: 2, arbitrary: fc.constantFrom(...UIDS).map((uid) => ({ type: 'displace' as const, uid })) },
  { weight: 4, arbitrary: anyNode.map((changed) => ({ type: 'node' as const, node: changed })) },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES).map((name) => ({ type: 'removeNode' as const, name })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ name: fc.constantFrom(...NAMESPACES), labels: fc.constantFrom<Labels>({}, { team: 'red' }) })
      .map((namespace) => ({ type: 'namespace' as const, ...namespace })),
  },
);
export const changes = fc.array(change, { minLength: 4, maxLength: 24 });

/** What there is, as an oracle wants it: whole objects, nothing worked out. */
export interface World {
  readonly nodes: Map<string, Node>;
  readonly placed: Map<string, { readonly pod: Pod; readonly on: string }>;
  readonly namespaces: Map<string, Labels>;
}

export const emptyWorld = (): World => ({ nodes: new Map(), placed: new Map(), namespaces: new Map() });

/** Lets the change happen to the snapshot and to the oracle's world. */
export function apply(happening: Change, cluster: Cluster, world: World): void {
  switch (happening.type) {
    case 'place': {
      const placed: Pod = {
        ...happening.pod,
        metadata: { ...happening.pod.metadata, uid: happening.uid, name: happening.uid },
      };
      cluster.place(podInfo(placed, cluster.space), happening.on);
      world.placed.set(happening.uid, { pod: placed, on: happening.on });
      break;
    }
    case 'displace':
      cluster.displace(happening.uid);
      world.placed.delete(happening.uid);
      break;
    case 'node':
      cluster.setNode(happening.node);
      world.nodes.set(happening.node.metadata.name, happening.node);
      break;
    case 'removeNode':
      cluster.removeNode(happening.name);
      world.nodes.delete(happening.name);
      break;
    case 'namespace':
      cluster.putObject({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: {
          name: happening.name,
          uid: happening.name,
          resourceVersion: '1',
          creationTimestamp: at(0),
          labels: happening.labels,
        },
      });
      world.namespaces.set(happening.name, happening.labels);
      break;
  }
}
