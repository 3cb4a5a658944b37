import {
  AVOID_NODES_ANNOTATION,
  type Condition,
  FIRST_ENQUEUED_ANNOTATION,
  type InterruptionPolicy,
  type InterruptionPolicySpec,
  NOT_BEFORE_ANNOTATION,
  type Node,
  type Pod,
  type PodCheckpoint,
  type PodDisruptionBudget,
  PREEMPTION_POLICY_ANNOTATION,
  type PriorityClass,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  type Taint,
  type Toleration,
  WALLTIME_ANNOTATION,
  WORKLOAD_ANNOTATION,
  WORKLOAD_LABEL,
} from '../model/index.ts';

/** Builders of API objects for tests: a case reads as its story. Times are ms after {@link EPOCH}. */
export const EPOCH = Date.UTC(2026, 0, 1);

/** The instant as API objects write it. */
export function at(milliseconds: number): string {
  const date = new Date(EPOCH + milliseconds);
  return date.toISOString();
}

type List = Record<string, string>;

export class PodBuilder {
  readonly #pod: Pod;

  constructor(name: string) {
    this.#pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0) },
      spec: { containers: [{ name: 'main', image: 'example', resources: { requests: {} } }], priority: 0 },
      status: { phase: 'Pending' },
    };
  }

  namespace(namespace: string): this {
    this.#pod.metadata.namespace = namespace;
    return this;
  }

  uid(uid: string): this {
    this.#pod.metadata.uid = uid;
    return this;
  }

  priority(priority: number): this {
    this.#pod.spec.priority = priority;
    return this;
  }

  requests(requests: List): this {
    const [container] = this.#pod.spec.containers;
    if (container !== undefined) container.resources = { requests };
    return this;
  }

  created(milliseconds: number): this {
    this.#pod.metadata.creationTimestamp = at(milliseconds);
    return this;
  }

  labels(labels: List): this {
    this.#pod.metadata.labels = labels;
    return this;
  }

  annotations(annotations: List): this {
    this.#pod.metadata.annotations = { ...this.#pod.metadata.annotations, ...annotations };
    return this;
  }

  workload(workload: string): this {
    return this.annotations({ [WORKLOAD_ANNOTATION]: workload });
  }

  walltime(walltime: string, ranSeconds = 0): this {
    return this.annotations({ [WALLTIME_ANNOTATION]: walltime, [RAN_SECONDS_ANNOTATION]: String(ranSeconds) });
  }

  /** A suspended workload's next incarnation. */
  restoreFrom(checkpoint: string, firstEnqueued: number): this {
    return this.annotations({ [RESTORE_FROM_ANNOTATION]: checkpoint, [FIRST_ENQUEUED_ANNOTATION]: at(firstEnqueued) });
  }

  notBefore(milliseconds: number): this {
    return this.annotations({ [NOT_BEFORE_ANNOTATION]: at(milliseconds) });
  }

  avoid(...nodes: string[]): this {
    return this.annotations({ [AVOID_NODES_ANNOTATION]: nodes.join(',') });
  }

  className(name: string): this {
    this.#pod.spec.priorityClassName = name;
    return this;
  }

  preemption(policy: 'CheckpointLowerPriority' | 'PreemptLowerPriority' | 'Never'): this {
    this.#pod.spec.preemptionPolicy = policy;
    return this;
  }

  spec(spec: Partial<Pod['spec']>): this {
    Object.assign(this.#pod.spec, spec);
    return this;
  }

  tolerates(...tolerations: Toleration[]): this {
    return this.spec({ tolerations });
  }

  /** Bound and running since then. */
  on(nodeName: string, since = 0): this {
    this.#pod.spec.nodeName = nodeName;
    this.#pod.status = { ...this.#pod.status, phase: 'Running', startTime: at(since) };
    return this;
  }

  phase(phase: NonNullable<Pod['status']>['phase'] & string): this {
    this.#pod.status = { ...this.#pod.status, phase };
    return this;
  }

  nominated(nodeName: string): this {
    this.#pod.status = { ...this.#pod.status, nominatedNodeName: nodeName };
    return this;
  }

  condition(condition: Condition): this {
    this.#pod.status = { ...this.#pod.status, conditions: [...(this.#pod.status?.conditions ?? []), condition] };
    return this;
  }

  /** Being deleted, gone by then. */
  terminating(until: number): this {
    this.#pod.metadata.deletionTimestamp = at(until);
    return this;
  }

  build(): Pod {
    return structuredClone(this.#pod);
  }
}

export class NodeBuilder {
  readonly #node: Node;

  constructor(name: string) {
    this.#node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0), labels: {} },
      spec: {},
      status: {
        allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    };
  }

  allocatable(allocatable: List): this {
    this.#node.status = { ...this.#node.status, allocatable: { ...this.#node.status?.allocatable, ...allocatable } };
    return this;
  }

  labels(labels: List): this {
    this.#node.metadata.labels = labels;
    return this;
  }

  taints(...taints: Taint[]): this {
    this.#node.spec = { ...this.#node.spec, taints };
    return this;
  }

  cordoned(): this {
    this.#node.spec = { ...this.#node.spec, unschedulable: true };
    return this;
  }

  notReady(status: 'False' | 'Unknown' = 'Unknown'): this {
    this.#node.status = { ...this.#node.status, conditions: [{ type: 'Ready', status }] };
    return this;
  }

  build(): Node {
    return structuredClone(this.#node);
  }
}

/** The PodCheckpoint by which `source` is stopped for `preemptor`, on its way. */
export class CheckpointBuilder {
  readonly #checkpoint: PodCheckpoint;

  constructor(source: Pod, name = `${source.metadata.name}-1`) {
    this.#checkpoint = {
      apiVersion: 'fermata.dev/v1alpha1',
      kind: 'PodCheckpoint',
      metadata: {
        name,
        namespace: source.metadata.namespace ?? 'default',
        uid: `uid-${name}`,
        resourceVersion: '1',
        creationTimestamp: at(0),
        labels: { [WORKLOAD_LABEL]: source.metadata.annotations?.[WORKLOAD_ANNOTATION] ?? source.metadata.name },
      },
      spec: {
        sourcePod: { name: source.metadata.name, uid: source.metadata.uid },
        postCheckpointState: 'Stopped',
        reason: 'Preemption',
      },
      status: {
        sourcePodUID: source.metadata.uid,
        ...(source.spec.nodeName === undefined ? {} : { nodeName: source.spec.nodeName }),
        checkpointedPodTemplate: {
          ...(source.metadata.labels === undefined ? {} : { metadata: { labels: source.metadata.labels } }),
          spec: source.spec,
        },
      },
    };
  }

  created(milliseconds: number): this {
    this.#checkpoint.metadata.creationTimestamp = at(milliseconds);
    return this;
  }

  copy(): this {
    this.#checkpoint.spec = { ...this.#checkpoint.spec, postCheckpointState: 'Running', reason: 'Manual' };
    return this;
  }

  for(preemptor: Pod): this {
    const { namespace = 'default', name, uid } = preemptor.metadata;
    this.#checkpoint.spec = { ...this.#checkpoint.spec, preemptor: { namespace, name, uid } };
    return this;
  }

  ready(
    milliseconds: number,
    measured: { dumpMilliseconds?: number; restoreMilliseconds?: number; sizeBytes?: number } = {},
  ): this {
    const { sizeBytes, ...times } = measured;
    this.#checkpoint.status = {
      ...this.#checkpoint.status,
      ...times,
      completionTime: at(milliseconds),
      ...(sizeBytes === undefined ? {} : { checkpointedContainers: [{ name: 'main', sizeBytes }] }),
    };
    return this.#condition({
      type: 'Ready',
      status: 'True',
      reason: 'CheckpointCompleted',
      lastTransitionTime: at(milliseconds),
    });
  }

  failed(milliseconds: number, message: string): this {
    return this.#condition({
      type: 'Ready',
      status: 'False',
      reason: 'CheckpointFailed',
      message,
      lastTransitionTime: at(milliseconds),
    });
  }

  /** A member of that group checkpoint. */
  inGroup(group: string): this {
    this.#checkpoint.spec = { ...this.#checkpoint.spec, group };
    return this;
  }

  restored(reason: 'Restored' | 'Abandoned'): this {
    const status = reason === 'Restored' ? 'True' : 'False';
    return this.#condition({ type: 'Restored', status, reason });
  }

  released(): this {
    return this.#condition({ type: 'Released', status: 'True', reason: 'Released' });
  }

  build(): PodCheckpoint {
    return structuredClone(this.#checkpoint);
  }

  #condition(condition: Condition): this {
    const others = (this.#checkpoint.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    this.#checkpoint.status = { ...this.#checkpoint.status, conditions: [...others, condition] };
    return this;
  }
}

export const pod = (name: string): PodBuilder => new PodBuilder(name);
export const node = (name: string): NodeBuilder => new NodeBuilder(name);
export const checkpoint = (source: Pod, name?: string): CheckpointBuilder => new CheckpointBuilder(source, name);

export function policy(name: string, spec: InterruptionPolicySpec, namespace = 'default'): InterruptionPolicy {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'InterruptionPolicy',
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0) },
    spec,
  };
}

export function budget(name: string, matchLabels: List, disruptionsAllowed: number): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0) },
    spec: { selector: { matchLabels } },
    status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  };
}

export function priorityClass(name: string, value: number, preemption?: string): PriorityClass {
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: {
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: at(0),
      ...(preemption === undefined ? {} : { annotations: { [PREEMPTION_POLICY_ANNOTATION]: preemption } }),
    },
    value,
    preemptionPolicy: 'PreemptLowerPriority',
  };
}
