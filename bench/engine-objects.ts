import type { ClusterEvent } from '../src/scheduling/index.ts';

/** API objects in the shapes of kube-scheduler's scheduler_perf templates, as events for the engine. */
const CREATED = '2026-01-01T00:00:00Z';
export const ZONE = 'topology.kubernetes.io/zone';
export const HOSTNAME = 'kubernetes.io/hostname';

type PodEvent = Extract<ClusterEvent, { type: 'PodChanged' }>;
export type Pod = PodEvent['pod'];
export type Node = Extract<ClusterEvent, { type: 'NodeChanged' }>['node'];

export interface NodeShape {
  /** Given to the nodes in turn. */
  readonly zones?: readonly string[];
  /** Amounts beside or in place of 4 cpu, 32 Gi and 110 pods. */
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly taint?: (index: number) => { key: string; effect: string } | undefined;
}

export const nodeName = (index: number): string => `node-${String(index).padStart(5, '0')}`;

export function node(name: string, index: number, { zones = [], allocatable = {}, taint }: NodeShape): Node {
  const zone = zones[index % Math.max(1, zones.length)];
  const tainted = taint?.(index);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: CREATED,
      labels: { [HOSTNAME]: name, 'kubernetes.io/os': 'linux', ...(zone === undefined ? {} : { [ZONE]: zone }) },
    },
    ...(tainted === undefined ? {} : { spec: { taints: [tainted] } }),
    status: {
      allocatable: { cpu: '4', memory: '32Gi', pods: '110', ...allocatable },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

export interface PodShape {
  readonly requests?: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly priority?: number;
  readonly spec?: Partial<Pod['spec']>;
  readonly metadata?: Partial<Pod['metadata']>;
}

export function pod(name: string, shape: PodShape = {}): Pod {
  const { requests = { cpu: '100m', memory: '500Mi' }, namespace = 'bench', labels, priority = 0 } = shape;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `${namespace}/${name}`,
      resourceVersion: '1',
      creationTimestamp: CREATED,
      ...(labels === undefined ? {} : { labels }),
      ...shape.metadata,
    },
    spec: {
      priority,
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests: { ...requests } } }],
      ...shape.spec,
    },
    status: { phase: 'Pending' },
  };
}

/** The same pod, as the API shows it once it was bound and runs. */
export function running(one: Pod, nodeName: string): Pod {
  return { ...one, spec: { ...one.spec, nodeName }, status: { phase: 'Running', startTime: CREATED } };
}

export function object(
  kind: string,
  apiVersion: string,
  name: string,
  rest: Record<string, unknown> & {
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  } = {},
): ClusterEvent {
  const { namespace, labels, annotations, ...body } = rest;
  return {
    type: 'ObjectChanged',
    object: {
      apiVersion,
      kind,
      metadata: {
        name,
        uid: `${kind}/${name}`,
        resourceVersion: '1',
        creationTimestamp: CREATED,
        ...(namespace === undefined ? {} : { namespace }),
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
      },
      ...body,
    },
  };
}

const term = (color: string, topologyKey: string, scope: Record<string, unknown>) => ({
  labelSelector: { matchLabels: { color } },
  topologyKey,
  ...scope,
});
/** The namespaces scheduler_perf's terms speak of. */
const BOTH = { namespaces: ['sched-setup', 'bench'] };
const TEAM = { namespaceSelector: { matchLabels: { team: 'devops' } } };

type Rule = 'podAffinity' | 'podAntiAffinity';

/** Pods of one colour that need, or avoid, each other's domain. */
export function required(rule: Rule, color: string, topologyKey: string, byTeam = false): PodShape {
  const terms = [term(color, topologyKey, byTeam ? TEAM : BOTH)];
  return {
    labels: { color },
    spec: { affinity: { [rule]: { requiredDuringSchedulingIgnoredDuringExecution: terms } } },
  };
}

/** Pods of one colour that like, or dislike, each other's domain. */
export function preferred(rule: Rule, color: string, topologyKey: string, byTeam = false): PodShape {
  const terms = [{ weight: 1, podAffinityTerm: term(color, topologyKey, byTeam ? TEAM : BOTH) }];
  return {
    labels: { color },
    spec: { affinity: { [rule]: { preferredDuringSchedulingIgnoredDuringExecution: terms } } },
  };
}

export function spreading(whenUnsatisfiable: string, policies: Record<string, string> = {}): PodShape {
  const constraint = {
    maxSkew: 5,
    topologyKey: ZONE,
    whenUnsatisfiable,
    labelSelector: { matchLabels: { color: 'blue' } },
    ...policies,
  };
  return { labels: { color: 'blue' }, spec: { topologySpreadConstraints: [constraint] } };
}
