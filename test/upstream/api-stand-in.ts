import { isDeepStrictEqual } from 'node:util';
import type { Clock, Random } from '../../src/clock/index.ts';
import {
  ApiError,
  type Kind,
  MemoryBacking,
  modelKinds,
  type ObjectStore,
  Registry,
} from '../../src/kubernetes/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  conditionOf,
  type Draft,
  type KubeObject,
  NODE_POD_CHECKPOINTS,
  type NodePodCheckpoint,
  PODS,
  type Pod,
  type PodSpec,
  type ResourceType,
} from '../../src/model/index.ts';

/** The alpha's validation, and what makes it a kind with a status of its own. */
const DEFINITION = {
  metadata: {
    name: 'podcheckpoints.node.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in' },
  },
  spec: {
    group: 'node.k8s.io',
    scope: 'Namespaced' as const,
    names: {
      plural: 'podcheckpoints',
      singular: 'podcheckpoint',
      kind: 'PodCheckpoint',
      listKind: 'PodCheckpointList',
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['sourcePod'],
                'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'spec is immutable' }],
                properties: {
                  sourcePod: {
                    type: 'object',
                    required: ['name'],
                    properties: { name: { type: 'string' }, uid: { type: 'string' } },
                  },
                  timeoutSeconds: { type: 'integer', minimum: 1, maximum: 3600 },
                },
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

/**
 * STAND-IN. No release of Kubernetes that could be run here serves KEP-5823; this says what the KEP's text says of the API server
 * (README of 5823-pod-level-checkpoint-restore, alpha in node.k8s.io/v1alpha1) and nothing more: the kind, its immutable spec, a
 * status that only kubelets write, `spec.restoreFrom` of pods and the admission plugin PodRestoreAuthorization.
 */
export class ApiStandIn {
  /** As everybody but kubelets sees it. */
  readonly store: ObjectStore;
  /** As a kubelet does. */
  readonly registry: Registry;
  /** Whether who creates pods has the verb `restore`. */
  mayRestore = true;

  constructor(parts: { clock: Clock; random: Random }) {
    const kinds = modelKinds()
      .list()
      .map((kind) => (kind.type.plural === 'pods' ? withRestoreFrom(kind as Kind<Pod>) : kind));
    this.registry = new Registry({ ...parts, backing: new MemoryBacking(), kinds: { list: () => kinds as Kind[] } });
    this.store = this.#guarded();
  }

  /** Turns the feature gate on. */
  async serve(): Promise<void> {
    await this.registry.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION as never);
  }

  #guarded(): ObjectStore {
    const { registry } = this;
    const onlyKubelets = (type: ResourceType, subresource: string | undefined): void => {
      if (type.group !== NODE_POD_CHECKPOINTS.group || subresource !== 'status') return;
      throw new ApiError('Forbidden', 'podcheckpoints.node.k8s.io/status is written by the kubelet of the source pod');
    };
    return {
      get: registry.get.bind(registry),
      list: registry.list.bind(registry),
      watch: registry.watch.bind(registry),
      delete: registry.delete.bind(registry),
      bind: registry.bind.bind(registry),
      create: async <T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options = {}) => {
        const draft = type.plural === PODS.plural ? await this.#admit(object as unknown as Draft<Pod>) : object;
        return registry.create(type, draft as Draft<T>, options);
      },
      patch: async (type, key, patch, options = {}) => {
        onlyKubelets(type, options.subresource);
        return registry.patch(type, key, patch, options);
      },
      replace: async (type, object, options = {}) => {
        onlyKubelets(type, options.subresource);
        return registry.replace(type, object, options);
      },
    };
  }

  /** PodRestoreAuthorization: the verb, the node, the equality of the specs, in the KEP's order. */
  async #admit(pod: Draft<Pod>): Promise<Draft<Pod>> {
    const { restoreFrom, nodeName } = pod.spec;
    if (restoreFrom === undefined) return pod;
    if (!this.mayRestore) {
      throw new ApiError(
        'Forbidden',
        `podcheckpoints.node.k8s.io "${restoreFrom}" is forbidden: User cannot restore it`,
      );
    }
    const found = await this.registry.list(NODE_POD_CHECKPOINTS, { namespace: pod.metadata.namespace ?? 'default' });
    const checkpoint = found.items.find(({ metadata }) => metadata.name === restoreFrom);
    // What is not Ready yet is admitted; the kubelet waits for it.
    if (checkpoint === undefined || !isReady(checkpoint)) return pod;
    const node = checkpoint.status?.nodeName ?? '';
    if (nodeName !== undefined && nodeName !== node) {
      throw new ApiError('Forbidden', `spec.nodeName ${nodeName} conflicts with the node of the checkpoint, ${node}`);
    }
    const field = differingField(pod.spec, checkpoint);
    if (field !== undefined) {
      throw new ApiError(
        'Invalid',
        `Pod is invalid: spec.${field}: Invalid value: differs from checkpointedPodTemplate`,
      );
    }
    const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }];
    const required = { nodeSelectorTerms: [{ matchFields }] };
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: required };
    return { ...pod, spec: { ...pod.spec, affinity: { ...pod.spec.affinity, nodeAffinity } } };
  }
}

export function isReady({ status }: NodePodCheckpoint): boolean {
  return conditionOf(status?.conditions, 'Ready')?.status === 'True';
}

/** Pure: the field in which a pod's spec is not the recorded one; what the restore itself adds aside. */
export function differingField(spec: PodSpec, checkpoint: NodePodCheckpoint): string | undefined {
  const recorded = comparable(checkpoint.status?.checkpointedPodTemplate?.spec ?? {});
  const own = comparable(spec);
  return [...new Set([...Object.keys(recorded), ...Object.keys(own)])].find(
    (field) => !isDeepStrictEqual(recorded[field], own[field]),
  );
}

/** "Runs after API defaulting, and skips spec.restoreFrom, the injected node affinity and spec.nodeName." */
function comparable(spec: object): Record<string, unknown> {
  // `serviceAccount` is the old name of `serviceAccountName`, which servers fill in.
  const { restoreFrom: _from, nodeName: _node, serviceAccount: _alias, affinity, ...rest } = spec as PodSpec;
  const { nodeAffinity: _added, ...others } = affinity ?? {};
  return { ...rest, ...(Object.keys(others).length > 0 && { affinity: others }) };
}

/** The sandbox's server keeps no field that it does not know. */
function withRestoreFrom(pods: Kind<Pod>): Kind<Pod> {
  const without = (pod: Pod): Pod => {
    const { restoreFrom: _, ...spec } = pod.spec;
    return { ...pod, spec };
  };
  return {
    ...pods,
    prepare: (object, current) => {
      const prepared = pods.prepare(object, current);
      const { restoreFrom } = object.spec;
      if (restoreFrom === undefined) return prepared;
      const unknownFields = prepared.unknownFields.filter((field) => field !== 'spec.restoreFrom');
      return {
        ...prepared,
        unknownFields,
        object: { ...prepared.object, spec: { ...prepared.object.spec, restoreFrom } },
      };
    },
    validate: (object, current) => pods.validate(without(object), current && without(current)),
    validateUpdate: (next, current) => pods.validateUpdate(without(next), without(current)),
  };
}
