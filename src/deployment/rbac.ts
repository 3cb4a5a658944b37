import { because, type DeploymentOptions, labelsOf, type Manifest, PART_OF, ROLES, type RoleName } from './options.ts';

/** `rbac.authorization.k8s.io/v1` PolicyRule. */
export interface PolicyRule {
  apiGroups: readonly string[];
  resources: readonly string[];
  verbs: readonly string[];
  resourceNames?: readonly string[];
}

type Rules = readonly PolicyRule[];

const READ = ['get', 'list', 'watch'];
const MIRROR = ['list', 'watch'];
const RBAC = 'rbac.authorization.k8s.io/v1';

function rule(
  reason: string,
  group: string,
  resources: string | readonly string[],
  verbs: readonly string[],
  resourceNames?: readonly string[],
): PolicyRule {
  return because(reason, {
    apiGroups: [group],
    resources: typeof resources === 'string' ? [resources] : resources,
    verbs,
    ...(resourceNames !== undefined && { resourceNames }),
  });
}

const EVENTS = rule('tells people what it does and why; repeats are counted', '', 'events', ['get', 'create', 'patch']);

/** What each role does in all namespaces, each with its reason. */
export const CLUSTER_RULES: Readonly<Record<RoleName, Rules>> = {
  scheduler: [
    rule('places pods, and knows what takes room', '', 'pods', READ),
    rule("writes a decision's numbers, and its term when it takes over from another replica", '', 'pods', ['patch']),
    rule('ends victims whose policy says so', '', 'pods', ['delete']),
    rule('nominates a node; says why a pod waits', '', 'pods/status', ['patch']),
    rule('binds', '', 'pods/binding', ['create']),
    rule('knows room, taints, labels', '', 'nodes', MIRROR),
    rule(
      'namespaces of affinity; services and their like spread pods by default',
      '',
      ['namespaces', 'services', 'replicationcontrollers'],
      MIRROR,
    ),
    rule('spreads their pods by default', 'apps', ['replicasets', 'statefulsets'], MIRROR),
    rule(
      'binds volumes before their pod, and waits until they are bound',
      '',
      ['persistentvolumes', 'persistentvolumeclaims'],
      [...READ, 'patch'],
    ),
    rule(
      'knows what a node can attach',
      'storage.k8s.io',
      ['storageclasses', 'csinodes', 'csidrivers', 'csistoragecapacities'],
      MIRROR,
    ),
    rule('chooses victims that no budget protects', 'policy', 'poddisruptionbudgets', MIRROR),
    rule('whose pods may interrupt whose', 'scheduling.k8s.io', 'priorityclasses', MIRROR),
    rule('places gangs whole', 'scheduling.x-k8s.io', 'podgroups', MIRROR),
    rule(
      'orders a checkpoint of each victim, and follows it',
      'fermata.dev',
      ['podcheckpoints', 'podgroupcheckpoints'],
      [...READ, 'create'],
    ),
    rule('what may be done to whom', 'fermata.dev', 'interruptionpolicies', MIRROR),
    rule('how much of what they hold pods use', 'metrics.k8s.io', 'pods', ['list']),
    EVENTS,
  ],
  controller: [
    rule('follows victims and incarnations', '', 'pods', READ),
    rule('makes the next incarnation of a pod that nobody controls', '', 'pods', ['create']),
    rule(
      'lets a victim go from its Job before it is deleted, and its heir once there may be room; gives a restored container that crashed its own image back, where its policy says so',
      '',
      'pods',
      ['patch'],
    ),
    rule('deletes what was checkpointed, only that UID, only when the checkpoint is Ready', '', 'pods', ['delete']),
    rule('shows that a pod is suspended', '', 'pods/status', ['patch']),
    rule('whether a node may still run what was taken from it', '', 'nodes', ['get', 'list']),
    rule('marks namespaces in which a replacement is awaited', '', 'namespaces', ['get', 'patch']),
    rule('whether a workload is still wanted', '', 'replicationcontrollers', ['get']),
    rule('whether a workload is still wanted', 'apps', ['replicasets', 'statefulsets'], ['get']),
    rule('whether a workload is still wanted', 'batch', 'jobs', ['get']),
    rule('orders those of a group, marks them, lets them go', 'fermata.dev', 'podcheckpoints', [
      ...READ,
      'create',
      'patch',
      'delete',
    ]),
    rule('makes pods that go on from a checkpoint: the webhook asks for this right', 'fermata.dev', 'podcheckpoints', [
      'restore',
    ]),
    rule('the same, where kubelets make checkpoints by themselves (KEP-5823)', 'node.k8s.io', 'podcheckpoints', [
      'restore',
    ]),
    rule('how many checkpoints are kept', 'fermata.dev', 'interruptionpolicies', MIRROR),
    rule('members, verdict and end of a group', 'fermata.dev', 'podgroupcheckpoints', [...READ, 'patch', 'delete']),
    rule('what became of them', 'fermata.dev', ['podcheckpoints/status', 'podgroupcheckpoints/status'], ['patch']),
    EVENTS,
  ],
  webhook: [
    rule(
      'which suspended workload a new pod belongs to; who goes on from it is written down',
      'fermata.dev',
      'podcheckpoints',
      ['list', 'patch'],
    ),
    rule('whether an image that a pod names is of the checkpoint that it names', 'fermata.dev', 'podcheckpoints', [
      'get',
    ]),
    rule('whether the pods at both ends of a checkpoint are there', '', 'pods', ['get', 'list']),
    rule('whether who asks to restore a checkpoint may do so', 'authorization.k8s.io', 'subjectaccessreviews', [
      'create',
    ]),
    rule(
      'tells the API server whom to trust',
      'admissionregistration.k8s.io',
      'mutatingwebhookconfigurations',
      ['get', 'patch'],
      ['fermata'],
    ),
  ],
  agent: [
    rule('what runs on its node; Kubernetes cannot narrow this to one node for a service account', '', 'pods', READ),
    rule('says that a pod was restored, or why not', '', 'pods/status', ['patch']),
    rule('carries out the orders for its node; holds them until their data is gone', 'fermata.dev', 'podcheckpoints', [
      ...READ,
      'patch',
    ]),
    rule(
      'has the kubelet checkpoint by itself, where the cluster knows that (KEP-5823), and removes what nobody needs; without this rule the endpoint is used',
      'node.k8s.io',
      'podcheckpoints',
      ['get', 'create', 'delete'],
    ),
    rule('whether the kubelet restored a pod, or started it from its image', '', 'events', ['list']),
    rule('votes and decides in groups', 'fermata.dev', 'podgroupcheckpoints', READ),
    rule(
      'whether and for whom checkpoints are encrypted, and where they go',
      'fermata.dev',
      'interruptionpolicies',
      READ,
    ),
    rule('whether the node of a checkpoint that is to go is gone for good', '', 'nodes', ['get']),
    rule(
      'what it did, with its measures',
      'fermata.dev',
      ['podcheckpoints/status', 'podgroupcheckpoints/status'],
      ['patch'],
    ),
    rule(
      "the kubelet's checkpoint endpoint, through the API server; before 1.30 kubelets ask for this even of direct calls",
      '',
      'nodes/proxy',
      ['create'],
    ),
    EVENTS,
  ],
};

/** What each role does in Fermata's own namespace. */
export const NAMESPACE_RULES: Readonly<Partial<Record<RoleName, Rules>>> = {
  scheduler: leases('fermata-scheduler'),
  controller: leases('fermata-controller'),
  webhook: [
    rule('makes its certificate', '', 'secrets', ['create']),
    rule('shares and renews it', '', 'secrets', ['get', 'update'], ['fermata-webhook-certificate']),
  ],
};

function leases(name: string): Rules {
  return [
    rule('several replicas, one leads', 'coordination.k8s.io', 'leases', ['create']),
    rule('several replicas, one leads', 'coordination.k8s.io', 'leases', ['get', 'update'], [name]),
  ];
}

/** For the cluster's users, added to Kubernetes' own roles of these names. */
const USER_RULES: Readonly<Record<'view' | 'edit', Rules>> = {
  view: [
    rule(
      'sees what was interrupted and why',
      'fermata.dev',
      ['podcheckpoints', 'podgroupcheckpoints', 'interruptionpolicies'],
      READ,
    ),
  ],
  edit: [
    rule(
      'takes and removes checkpoints, says what may be done to own pods',
      'fermata.dev',
      ['podcheckpoints', 'podgroupcheckpoints', 'interruptionpolicies'],
      ['create', 'update', 'patch', 'delete'],
    ),
    rule(
      'makes pods from checkpoints of the namespace; who may edit may also exec into its pods and read their memory there',
      'fermata.dev',
      'podcheckpoints',
      ['restore'],
    ),
  ],
};

/** A service account for each role, with exactly the rights it uses. */
export function rbac({ namespace }: DeploymentOptions): Manifest[] {
  return [
    ...ROLES.flatMap((role) => {
      const name = `fermata-${role}`;
      const own = NAMESPACE_RULES[role];
      const metadata = { name, labels: labelsOf(role) };
      const subjects = [{ kind: 'ServiceAccount', name, namespace }];
      const refer = (kind: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
      return [
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, namespace } },
        { apiVersion: RBAC, kind: 'ClusterRole', metadata, rules: CLUSTER_RULES[role] },
        { apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata, roleRef: refer('ClusterRole'), subjects },
        ...(own === undefined
          ? []
          : [
              { apiVersion: RBAC, kind: 'Role', metadata: { ...metadata, namespace }, rules: own },
              {
                apiVersion: RBAC,
                kind: 'RoleBinding',
                metadata: { ...metadata, namespace },
                roleRef: refer('Role'),
                subjects,
              },
            ]),
      ];
    }),
    ...Object.entries(USER_RULES).map(([role, rules]) => ({
      apiVersion: RBAC,
      kind: 'ClusterRole',
      metadata: {
        name: `fermata-${role}`,
        labels: {
          ...PART_OF,
          [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true',
          ...(role === 'edit' && { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' }),
        },
      },
      rules,
    })),
  ];
}
