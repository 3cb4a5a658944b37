import { keepsSchedulingGates } from '../kubernetes/index.ts';

/** What is known of a cluster from outside its nodes. */
export interface ClusterFacts {
  version: { major: number; minor: number };
  /** `group/version` → plural names served there; absent: the group version is not served. */
  served: Readonly<Record<string, readonly string[]>>;
  nodes: readonly NodeFacts[];
  /** Fermata's webhook: whether its configuration is there, and knows whom to trust. */
  webhook: 'Missing' | 'WithoutAuthority' | 'Ready';
}

export interface NodeFacts {
  name: string;
  /** `v1.33.2` */
  kubeletVersion: string;
  /** `containerd://2.1.3`, `cri-o://1.34.0` */
  containerRuntimeVersion: string;
  /** What the kubelet said to a request to checkpoint a container that does not exist. */
  endpoint: 'Served' | 'NotServed' | 'Forbidden' | 'Unanswered';
}

export interface Capability {
  capability: string;
  /** `yes`; `fallback`: missing, and made up for; `no`: missing, and something does not work; `unknown`: not to be seen from here. */
  status: 'yes' | 'fallback' | 'no' | 'unknown';
  detail: string;
  /** What to do, where there is something to do. */
  fix?: string;
}

/** What this cluster offers of what Fermata can use, and what becomes of what it lacks. Pure. */
export function capabilities(facts: ClusterFacts): Capability[] {
  return [...ofServer(facts), ...facts.nodes.flatMap(ofNode), ...ofAllNodes(facts.nodes)];
}

function ofServer({ version: { major, minor }, served, webhook }: ClusterFacts): Capability[] {
  const since = (wanted: number): boolean => major > 1 || minor >= wanted;
  const has = (groupVersion: string, plural: string): boolean => served[groupVersion]?.includes(plural) === true;
  const either = (capability: string, found: boolean, yes: string, fallback: string): Capability => ({
    capability,
    status: found ? 'yes' : 'fallback',
    detail: found ? yes : fallback,
  });
  const installed = has('fermata.dev/v1alpha1', 'podcheckpoints');
  return [
    {
      capability: 'Kubernetes',
      status: since(20) ? 'yes' : 'no',
      detail: `${major}.${minor}`,
      ...(!since(20) && { fix: 'Upgrade to 1.20 or later.' }),
    },
    either(
      'preconditions of binds',
      since(24),
      'a deposed scheduler binds nothing',
      'before 1.24: a scheduler that takes over waits 60 s',
    ),
    either(
      'schedulingGates',
      keepsSchedulingGates({ major, minor }),
      'gates hold suspended pods',
      "before 1.27: suspended pods are held by an annotation, which only Fermata's scheduler heeds",
    ),
    either(
      'policy/v1',
      served['policy/v1'] !== undefined,
      'PodDisruptionBudgets',
      'PodDisruptionBudgets are read as v1beta1',
    ),
    either(
      'validation rules of definitions',
      since(25),
      'specs of checkpoints are immutable',
      'before 1.25: nobody refuses a change of the spec of a checkpoint',
    ),
    either(
      'matchConditions of webhooks',
      since(28),
      'only pods of controllers wait for the webhook',
      'before 1.28: while the webhook is down no pod at all is admitted where a replacement is awaited',
    ),
    either(
      'metrics.k8s.io',
      has('metrics.k8s.io/v1beta1', 'pods'),
      'costs rest on what pods use',
      'costs rest on what pods request; install metrics-server for better ones',
    ),
    either(
      'PodCheckpoint of KEP-5823',
      has('node.k8s.io/v1alpha1', 'podcheckpoints'),
      "used for pods to which it gives no less than the kubelets' checkpoint endpoint (docs/install.md), while agents have no store",
      "the kubelets' checkpoint endpoint is used",
    ),
    {
      capability: 'Fermata',
      status: installed ? 'yes' : 'no',
      detail: installed ? 'its definitions are served' : 'its definitions are not served',
      ...(!installed && { fix: 'fermata install' }),
    },
    webhookCapability(installed, webhook),
  ];
}

function webhookCapability(installed: boolean, webhook: ClusterFacts['webhook']): Capability {
  const capability = 'admission webhook';
  if (webhook === 'Ready') return { capability, status: 'yes', detail: 'configured, with its authority' };
  const missing = webhook === 'Missing';
  return {
    capability,
    status: 'no',
    detail: missing
      ? 'not configured: pods of controllers would begin anew'
      : 'no replica has announced its authority: replacements of suspended pods are refused',
    fix: missing || !installed ? 'fermata install' : 'See why it does not run: kubectl get pods -n fermata-system',
  };
}

function ofNode({ name, kubeletVersion, containerRuntimeVersion, endpoint }: NodeFacts): Capability[] {
  return [
    endpointCapability(`node ${name}: checkpoint endpoint`, kubeletVersion, endpoint),
    runtimeCapability(`node ${name}: container runtime`, containerRuntimeVersion),
  ];
}

function endpointCapability(capability: string, version: string, endpoint: NodeFacts['endpoint']): Capability {
  switch (endpoint) {
    case 'Served':
      return { capability, status: 'yes', detail: `kubelet ${version}` };
    case 'NotServed':
      return {
        capability,
        status: 'no',
        detail: `kubelet ${version} does not serve it: its pods cannot be checkpointed`,
        fix: 'Kubernetes 1.25 to 1.29: start the kubelet with --feature-gates=ContainerCheckpoint=true; earlier: upgrade.',
      };
    case 'Forbidden':
      return {
        capability,
        status: 'unknown',
        detail: `kubelet ${version}; asking it was refused`,
        fix: 'Ask as somebody who may create nodes/proxy.',
      };
    case 'Unanswered':
      return {
        capability,
        status: 'unknown',
        detail: `kubelet ${version} did not answer`,
        fix: 'See whether the node is Ready.',
      };
  }
}

/** Restores: containerd 2.1 (its PR #10365); CRI-O with CRIU support on by default since 1.30. */
function runtimeCapability(capability: string, version: string): Capability {
  const match = /^(?<runtime>[\w-]+):\/\/v?(?<major>\d+)\.(?<minor>\d+)/.exec(version);
  const { runtime = '', major = '0', minor = '0' } = match?.groups ?? {};
  const number = Number(major) * 1_000 + Number(minor);
  if (runtime === 'containerd') {
    return number >= 2_001
      ? { capability, status: 'yes', detail: version }
      : {
          capability,
          status: 'no',
          detail: `${version} cannot restore containers`,
          fix: 'Upgrade containerd to 2.1 or later.',
        };
  }
  if (runtime === 'cri-o') {
    if (number >= 1_030) return { capability, status: 'yes', detail: version };
    return number >= 1_025
      ? {
          capability,
          status: 'unknown',
          detail: `${version}: only with enable_criu_support = true`,
          fix: 'Set it in crio.conf, or upgrade to 1.30.',
        }
      : {
          capability,
          status: 'no',
          detail: `${version} cannot checkpoint containers`,
          fix: 'Upgrade CRI-O to 1.30 or later.',
        };
  }
  return {
    capability,
    status: 'no',
    detail: `${version === '' ? 'unknown runtime' : version} is not known to checkpoint containers`,
    fix: 'Use containerd 2.1 or CRI-O 1.30, or later ones.',
  };
}

function ofAllNodes(nodes: readonly NodeFacts[]): Capability[] {
  if (nodes.length === 0) return [{ capability: 'nodes', status: 'no', detail: 'there are none', fix: 'Add one.' }];
  return [
    {
      capability: 'CRIU on the nodes',
      status: 'unknown',
      detail: 'the API does not tell',
      fix: 'Run `criu check` on a node; what the agent meets stands in the condition Ready of its checkpoints.',
    },
  ];
}
