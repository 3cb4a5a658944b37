import type { ClusterEvent } from '../src/scheduling/index.ts';
import type { EngineCase } from './engine-case.ts';
import {
  HOSTNAME,
  type Node,
  type NodeShape,
  node,
  nodeName,
  type Pod,
  type PodShape,
  pod,
  running,
} from './engine-objects.ts';

/**
 * Pods that were turned down, each for one of several reasons, and events that make room for a few of them at a time: what is
 * measured is whether an event wakes those whom it helps, and leaves the others asleep (scheduler_perf's `EventHandling…`).
 */

/** So many waiting pods a node: nodes come, or change, one for as many. */
const PER_NODE = 10;
const named = (name: string): Partial<Pod['spec']> => ({ nodeSelector: { [HOSTNAME]: name } });
const nth = (index: number, of: readonly PodShape[]): PodShape => of[index % of.length] ?? {};

/** Ten on each node fill it, each with a port and a colour of its own there. */
const BLOCKED_NODES = 50;
const slotOf = (index: number): number => Math.floor(index / BLOCKED_NODES) % PER_NODE;
const withPort = (hostPort: number): Partial<Pod['spec']> => ({
  containers: [
    {
      name: 'pause',
      image: 'registry.k8s.io/pause:3.10',
      ports: [{ containerPort: hostPort, hostPort }],
    },
  ],
});
const avoiding = (labels: Record<string, string>): Partial<Pod['spec']> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: labels }, topologyKey: HOSTNAME, namespaces: ['blocker'] },
      ],
    },
  },
});
const blocker = (index: number): PodShape => ({
  namespace: 'blocker',
  labels: { slot: String(slotOf(index)) },
  requests: { cpu: '350m', memory: '3Gi' },
  spec: {
    containers: [
      {
        name: 'pause',
        image: 'registry.k8s.io/pause:3.10',
        ports: [{ containerPort: 8000 + slotOf(index), hostPort: 8000 + slotOf(index) }],
        resources: { requests: { cpu: '400m', memory: '3Gi' } },
      },
    ],
  },
});
/** As the harness made it. */
const placedBlocker = (index: number): Pod =>
  running(pod(`before-${index}`, blocker(index)), nodeName(index % BLOCKED_NODES));

/** Gates and tolerations are all that may be added to, or taken from, a pod that waits. */
const TAINT = { key: 'allow', effect: 'NoSchedule' };
const TOLERATING = { tolerations: [{ key: TAINT.key, operator: 'Exists' as const, effect: 'NoSchedule' as const }] };
const ROOMY: NodeShape = { allocatable: { cpu: '100000', memory: '1000Ti', pods: '90000' } };
const blockerOf = (index: number): PodShape => ({
  namespace: 'blocker',
  labels: { blocks: String(index) },
  requests: {},
});
const updated: ((index: number) => { before: PodShape; event: ClusterEvent })[] = [
  (index) => ({
    before: { spec: { schedulingGates: [{ name: 'example.com/hold' }] } },
    event: { type: 'PodChanged', pod: pod(`waiting-${index}`) },
  }),
  (index) => ({
    before: { spec: named('tainted') },
    event: { type: 'PodChanged', pod: pod(`waiting-${index}`, { spec: { ...named('tainted'), ...TOLERATING } }) },
  }),
  (index) => ({
    before: { spec: { ...named(nodeName(0)), ...avoiding({ blocks: String(index) }) } },
    event: {
      type: 'PodChanged',
      pod: running(pod(`before-${index}`, { ...blockerOf(index), labels: { blocks: 'nobody' } }), nodeName(0)),
    },
  }),
];
const update = (index: number) =>
  updated[index % updated.length]?.(index) ?? { before: {}, event: { type: 'PodChanged' as const, pod: pod('') } };

/** A node that so many waiting pods ask for by a label, once it has it. */
const pooled = (index: number): Node => {
  const plain = node(`pool-${index}`, 0, {});
  const labels = { ...plain.metadata.labels, pool: String(index) };
  return { ...plain, metadata: { ...plain.metadata, labels } };
};
const askingForPool = (index: number): PodShape => ({
  requests: { cpu: '200m', memory: '200Mi' },
  spec: { nodeSelector: { pool: String(Math.floor(index / PER_NODE)) } },
});
const oncePerNode = (index: number): ClusterEvent[] =>
  index % PER_NODE === 0 ? [{ type: 'NodeChanged', node: pooled(index / PER_NODE) }] : [];

export const EVENT_CASES: Readonly<Record<string, EngineCase>> = {
  'events-pod-delete': {
    nodes: BLOCKED_NODES,
    pods: 500,
    before: { count: 500, shape: blocker },
    waiting: {
      shape: (index) =>
        nth(index, [
          { requests: { cpu: '350m', memory: '1Gi' } },
          { spec: withPort(8000 + (Math.floor(index / 3) % PER_NODE)) },
          { requests: {}, spec: avoiding({ slot: String(Math.floor(index / 3) % PER_NODE) }) },
        ]),
    },
    beside: (index) => [{ type: 'PodDeleted', pod: placedBlocker(index) }],
  },
  'events-pod-update': {
    nodes: 1,
    pods: 1_000,
    node: ROOMY,
    setUp: () => [
      {
        type: 'NodeChanged',
        node: node('tainted', 0, { ...ROOMY, taint: () => TAINT }),
      },
    ],
    before: { count: 1_000, shape: blockerOf },
    waiting: { shape: (index) => update(index).before },
    beside: (index) => [update(index).event],
  },
  'events-pod-add': {
    nodes: 2,
    pods: 1_000,
    node: ROOMY,
    waiting: {
      shape: (index) => ({
        spec: {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { labelSelector: { matchLabels: { unblocks: String(index) } }, topologyKey: HOSTNAME },
              ],
            },
          },
        },
      }),
    },
    beside: (index) => [
      {
        type: 'PodChanged',
        pod: running(pod(`unblocker-${index}`, { labels: { unblocks: String(index) } }), nodeName(index % 2)),
      },
    ],
  },
  'events-node-add': { nodes: 1, pods: 1_000, waiting: { shape: askingForPool }, beside: oncePerNode },
  'events-node-update': {
    nodes: 1,
    pods: 1_000,
    setUp: ({ pods }) =>
      Array.from({ length: Math.ceil(pods / PER_NODE) }, (_, index) => ({
        type: 'NodeChanged',
        node: node(`pool-${index}`, 0, {}),
      })),
    waiting: { shape: askingForPool },
    beside: oncePerNode,
  },
};
