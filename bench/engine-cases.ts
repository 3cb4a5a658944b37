import type { ClusterEvent } from '../src/scheduling/index.ts';
import type { EngineCase, SetUp } from './engine-case.ts';
import { EVENT_CASES } from './engine-cases-events.ts';
import {
  HOSTNAME,
  type NodeShape,
  node,
  nodeName,
  object,
  type Pod,
  type PodShape,
  pod,
  preferred,
  required,
  running,
  spreading,
  ZONE,
} from './engine-objects.ts';

const ZONES = ['moon-1', 'moon-2', 'moon-3'];
const plain = (): PodShape => ({});
const setup = (shape: PodShape): { count: number; shape: () => PodShape } => ({
  count: 1000,
  shape: () => ({ ...shape, namespace: 'sched-setup' }),
});
const always = (shape: PodShape) => (): PodShape => shape;
const nth = (index: number, of: readonly PodShape[]): PodShape => of[index % of.length] ?? {};

/** 100 namespaces of one team; the pods are dealt out over them. */
const TEAMS = 100;
function* teamNamespaces(): Iterable<ClusterEvent> {
  for (let index = 0; index < TEAMS; index++) {
    yield object('Namespace', 'v1', `team-${index}`, { labels: { team: 'devops' } });
  }
}
const inTeam =
  (shape: PodShape) =>
  (index: number): PodShape => ({ ...shape, namespace: `team-${index % TEAMS}` });

/** A claim and the volume it is bound to, for each pod. */
function volumes(source: Record<string, unknown>, drivers: readonly string[] = []): SetUp {
  return function* ({ nodes, pods }) {
    for (let index = 0; index < nodes && drivers.length > 0; index++) {
      const spec = { drivers: drivers.map((name) => ({ name, nodeID: nodeName(index), allocatable: { count: 39 } })) };
      yield object('CSINode', 'storage.k8s.io/v1', nodeName(index), { spec });
    }
    const access = { accessModes: ['ReadOnlyMany'], capacity: { storage: '1Gi' } };
    for (let index = 0; index < pods; index++) {
      const claimRef = { namespace: 'bench', name: `claim-${index}`, uid: `PersistentVolumeClaim/claim-${index}` };
      const volume = { ...access, ...source, claimRef, persistentVolumeReclaimPolicy: 'Retain', storageClassName: '' };
      yield object('PersistentVolume', 'v1', `volume-${index}`, { spec: volume, status: { phase: 'Bound' } });
      yield object('PersistentVolumeClaim', 'v1', `claim-${index}`, {
        namespace: 'bench',
        annotations: { 'pv.kubernetes.io/bind-completed': 'true' },
        spec: {
          accessModes: ['ReadOnlyMany'],
          resources: { requests: { storage: '1Gi' } },
          volumeName: `volume-${index}`,
          storageClassName: '',
        },
        status: { phase: 'Bound' },
      });
    }
  };
}
const withClaim = (index: number): PodShape => ({
  spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `claim-${index}` } }] },
});
const EBS = { awsElasticBlockStore: { volumeID: 'aws', fsType: 'ext4' } };

const LARGE: PodShape = { requests: { cpu: '9', memory: '500Mi' } };
const LOW = { count: 20_000, shape: always({ requests: { cpu: '900m', memory: '500Mi' } }) };
const HIGH: PodShape = { requests: { cpu: '3', memory: '500Mi' }, priority: 10 };

/** A pod too large for any node, a service and a node that come and go. */
function* churn(index: number): Iterable<ClusterEvent> {
  const name = `churn-${index}`;
  const extra = node(name, 0, {});
  const large: Pod = pod(name, LARGE);
  yield { type: 'NodeChanged', node: extra };
  yield { type: 'PodChanged', pod: large };
  yield object('Service', 'v1', name, { namespace: 'bench', spec: { selector: { app: 'foo' } } });
  yield { type: 'NodeDeleted', node: extra };
  yield { type: 'PodDeleted', pod: large };
}

function* terminating(): Iterable<ClusterEvent> {
  for (let index = 0; index < 5_000; index++) {
    const metadata = { finalizers: ['example.com/hold'], deletionTimestamp: '2026-01-01T00:00:30Z' };
    yield { type: 'PodChanged', pod: running(pod(`held-${index}`, { metadata }), nodeName(index)) };
  }
}

/** Members of a gang. */
const GANG = 500;
const GATED: PodShape = { spec: { schedulingGates: [{ name: 'example.com/hold' }] } };
const ROOMY: NodeShape = { allocatable: { cpu: '100000', memory: '1000Ti', pods: '90000' } };
const DAEMON: PodShape = {
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['scheduler-perf-node'] }] },
          ],
        },
      },
    },
  },
};
const IN_ZONES: PodShape = {
  spec: {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone1', 'zone2'] }] }],
        },
      },
    },
  },
};
const INCLUSION = spreading('DoNotSchedule', { nodeAffinityPolicy: 'Honor', nodeTaintsPolicy: 'Honor' });
const ONE_ZONE: NodeShape = { zones: ['zone1'] };
const MIXED = [
  {},
  required('podAffinity', 'blue', ZONE),
  required('podAntiAffinity', 'green', HOSTNAME),
  preferred('podAffinity', 'red', HOSTNAME),
  preferred('podAntiAffinity', 'yellow', HOSTNAME),
];

/** The cases of kube-scheduler's scheduler_perf, and three that it does not have (last). */
export const CASES: Readonly<Record<string, EngineCase>> = {
  basic: { nodes: 5_000, pods: 10_000, floor: 680, before: setup({}), pod: plain },
  'basic-50k': { nodes: 5_000, pods: 50_000, floor: 810, before: setup({}), pod: plain },
  daemonset: {
    nodes: 15_000,
    pods: 30_000,
    floor: 1_100,
    setUp: () => [{ type: 'NodeChanged', node: node('scheduler-perf-node', 0, ROOMY) }],
    pod: always(DAEMON),
  },
  'preemption-async': {
    nodes: 5_000,
    pods: 5_000,
    floor: 570,
    before: LOW,
    pod: plain,
    // Five a second at the floor's rate.
    beside: (index) => (index % 114 === 0 ? [{ type: 'PodChanged', pod: pod(`high-${index}`, HIGH) }] : []),
  },
  'preemption-basic': {
    nodes: 1_000,
    pods: 1_000,
    before: { ...LOW, count: 4_000 },
    pod: always(HIGH),
  },
  'preemption-volumes': {
    nodes: 1_000,
    pods: 1_000,
    setUp: volumes(EBS),
    before: { ...LOW, count: 4_000 },
    pod: (index) => ({ ...HIGH, ...withClaim(index) }),
  },
  unschedulable: {
    nodes: 5_000,
    pods: 10_000,
    floor: 590,
    waiting: { count: 100, shape: always(LARGE) },
    pod: plain,
  },
  'unschedulable-20k': {
    nodes: 5_000,
    pods: 10_000,
    floor: 600,
    waiting: { count: 20_000, shape: always(LARGE) },
    pod: plain,
  },
  'mixed-churn': {
    nodes: 5_000,
    pods: 10_000,
    floor: 710,
    pod: plain,
    // Once a second at the floor's rate.
    beside: (index) => (index % 710 === 0 ? churn(index) : []),
  },
  gated: {
    nodes: 1,
    pods: 10_000,
    floor: 910,
    node: ROOMY,
    waiting: { count: 10_000, shape: always(GATED) },
    pod: plain,
  },
  'gated-affinity': {
    nodes: 1,
    pods: 10_000,
    floor: 110,
    node: { ...ROOMY, ...ONE_ZONE },
    waiting: {
      count: 10_000,
      shape: always({
        ...required('podAffinity', 'blue', ZONE),
        spec: { ...required('podAffinity', 'blue', ZONE).spec, ...GATED.spec },
      }),
    },
    pod: always({ labels: { color: 'blue' } }),
  },
  'deleted-with-finalizers': { nodes: 5_000, pods: 10_000, floor: 830, setUp: terminating, pod: plain },
  'extended-resource': {
    nodes: 5_000,
    pods: 5_000,
    floor: 180,
    node: { allocatable: { 'foo.com/bar': '8' } },
    pod: always({ requests: { cpu: '100m', memory: '500Mi', 'foo.com/bar': '1' } }),
  },
  'node-affinity': { nodes: 5_000, pods: 10_000, floor: 220, node: ONE_ZONE, before: setup({}), pod: always(IN_ZONES) },
  'anti-affinity': {
    nodes: 5_000,
    pods: 2_000,
    floor: 60,
    before: setup(required('podAntiAffinity', 'green', HOSTNAME)),
    pod: always(required('podAntiAffinity', 'green', HOSTNAME)),
  },
  'anti-affinity-matching': {
    nodes: 5_000,
    pods: 5_000,
    floor: 595,
    before: setup(required('podAntiAffinity', 'green', HOSTNAME)),
    pod: always({ labels: { color: 'green' } }),
  },
  affinity: {
    nodes: 5_000,
    pods: 5_000,
    floor: 35,
    node: ONE_ZONE,
    before: { ...setup(required('podAffinity', 'blue', ZONE)), count: 5_000 },
    pod: always(required('podAffinity', 'blue', ZONE)),
  },
  'affinity-preferred': {
    nodes: 5_000,
    pods: 5_000,
    floor: 90,
    before: { ...setup(preferred('podAffinity', 'red', HOSTNAME)), count: 5_000 },
    pod: always(preferred('podAffinity', 'red', HOSTNAME)),
  },
  'anti-affinity-preferred': {
    nodes: 5_000,
    pods: 5_000,
    floor: 90,
    before: { ...setup(preferred('podAntiAffinity', 'yellow', HOSTNAME)), count: 5_000 },
    pod: always(preferred('podAntiAffinity', 'yellow', HOSTNAME)),
  },
  'mixed-base-pod': {
    nodes: 5_000,
    pods: 1_000,
    floor: 140,
    node: ONE_ZONE,
    before: { count: 5_000, shape: (index) => ({ ...nth(index, MIXED), namespace: 'sched-setup' }) },
    pod: plain,
  },
  'namespaces-anti-affinity': {
    nodes: 6_000,
    pods: 1_000,
    floor: 24,
    setUp: teamNamespaces,
    before: { count: 4_000, shape: inTeam(required('podAntiAffinity', 'green', HOSTNAME, true)) },
    pod: inTeam(required('podAntiAffinity', 'green', HOSTNAME, true)),
  },
  'namespaces-anti-affinity-preferred': {
    nodes: 5_000,
    pods: 1_000,
    floor: 55,
    setUp: teamNamespaces,
    before: { count: 4_000, shape: inTeam(preferred('podAntiAffinity', 'yellow', HOSTNAME, true)) },
    pod: inTeam(preferred('podAntiAffinity', 'yellow', HOSTNAME, true)),
  },
  'namespaces-affinity': {
    nodes: 5_000,
    pods: 1_000,
    floor: 35,
    node: ONE_ZONE,
    setUp: teamNamespaces,
    before: { count: 5_000, shape: inTeam(required('podAffinity', 'blue', ZONE, true)) },
    pod: inTeam(required('podAffinity', 'blue', ZONE, true)),
  },
  'namespaces-affinity-preferred': {
    nodes: 5_000,
    pods: 5_000,
    floor: 90,
    setUp: teamNamespaces,
    before: { count: 4_000, shape: inTeam(preferred('podAffinity', 'red', HOSTNAME, true)) },
    pod: inTeam(preferred('podAffinity', 'red', HOSTNAME, true)),
  },
  spreading: {
    nodes: 5_000,
    pods: 5_000,
    floor: 460,
    node: { zones: ZONES },
    before: setup({}),
    pod: always(spreading('DoNotSchedule')),
  },
  'spreading-preferred': {
    nodes: 5_000,
    pods: 5_000,
    floor: 340,
    node: { zones: ZONES },
    before: setup({}),
    pod: always(spreading('ScheduleAnyway')),
  },
  'spreading-default': {
    nodes: 5_000,
    pods: 50_000,
    floor: 160,
    node: { zones: ZONES },
    setUp: () => [object('Service', 'v1', 'app', { namespace: 'bench', spec: { selector: { app: 'foo' } } })],
    pod: always({ labels: { app: 'foo' } }),
  },
  'spreading-inclusion-policy': {
    nodes: 5_000,
    pods: 5_000,
    floor: 270,
    node: { zones: ZONES, taint: (index) => (index % 5 === 0 ? { key: 'foo', effect: 'NoSchedule' } : undefined) },
    pod: always(INCLUSION),
  },
  secrets: {
    nodes: 5_000,
    pods: 10_000,
    floor: 790,
    before: setup({}),
    pod: always({ spec: { volumes: [{ name: 'secret', secret: { secretName: 'secret' } }] } }),
  },
  'volumes-in-tree': { nodes: 5_000, pods: 2_000, floor: 290, setUp: volumes(EBS), pod: withClaim },
  'volumes-migrated': {
    nodes: 5_000,
    pods: 5_000,
    floor: 100,
    setUp: volumes(EBS, ['ebs.csi.aws.com']),
    pod: withClaim,
  },
  'volumes-csi': {
    nodes: 5_000,
    pods: 5_000,
    floor: 100,
    setUp: volumes({ csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol' } }, ['ebs.csi.aws.com']),
    pod: withClaim,
  },
  gangs: {
    nodes: 5_000,
    pods: 5_000,
    setUp: ({ pods }) =>
      Array.from({ length: Math.ceil(pods / GANG) }, (_, index) =>
        object('PodGroup', 'scheduling.x-k8s.io/v1alpha1', `gang-${index}`, {
          namespace: 'bench',
          spec: { minMember: GANG },
        }),
      ),
    pod: (index) => ({ labels: { 'scheduling.x-k8s.io/pod-group': `gang-${Math.floor(index / GANG)}` } }),
  },
  ...EVENT_CASES,
  batching: { nodes: 20_000, pods: 10_000, pod: plain },
  // With `basic` (5,000) and `batching` (20,000) a ladder: what a pod costs by the number of nodes.
  'nodes-500': { nodes: 500, pods: 10_000, pod: plain },
  'nodes-2000': { nodes: 2_000, pods: 10_000, pod: plain },
  'nodes-10000': { nodes: 10_000, pods: 10_000, pod: plain },
  interruption: {
    nodes: 5_000,
    pods: 500,
    slow: true,
    before: LOW,
    pod: always({ ...HIGH, spec: { preemptionPolicy: 'CheckpointLowerPriority' as 'PreemptLowerPriority' } }),
  },
  large: {
    nodes: 15_000,
    pods: 1_000,
    before: { count: 150_000, shape: always({ labels: { app: 'foo' } }) },
    pod: plain,
  },
  distinct: {
    slow: true,
    nodes: 5_000,
    pods: 2_000,
    pod: (index) => ({ requests: { cpu: `${100 + (index % 1000)}m`, memory: `${500 + index}Mi` } }),
  },
};
