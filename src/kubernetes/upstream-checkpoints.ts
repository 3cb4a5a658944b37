import { NODE_POD_CHECKPOINTS, type NodePodCheckpoint } from '../model/index.ts';
import { isApiError } from './api-error.ts';
import type { ObjectKey, ObjectStore } from './store.ts';

/** The `PodCheckpoint`s that kubelets carry out themselves (`node.k8s.io/v1alpha1`, KEP-5823); most servers have none. */
export class UpstreamCheckpoints {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Orders one. Resolves to why the server refuses it, or to nothing. An order of that name that is there already is that order. */
  async create(
    order: { namespace: string; name: string; pod: { name: string; uid: string }; timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<{ refused: string } | undefined> {
    const { namespace, name, pod, timeoutSeconds } = order;
    const metadata = { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'fermata' } };
    const spec = { sourcePod: { name: pod.name, uid: pod.uid }, timeoutSeconds };
    try {
      await this.#store.create(NODE_POD_CHECKPOINTS, { metadata, spec }, { signal });
      return undefined;
    } catch (error) {
      if (isApiError(error, 'AlreadyExists')) return undefined;
      if (isApiError(error, 'NotFound', 'MethodNotAllowed')) return { refused: 'the API server does not serve them' };
      if (isApiError(error, 'Forbidden', 'Invalid', 'BadRequest')) return { refused: error.message };
      throw error;
    }
  }

  async get(key: ObjectKey, signal?: AbortSignal): Promise<NodePodCheckpoint | undefined> {
    try {
      return await this.#store.get(NODE_POD_CHECKPOINTS, key, signal === undefined ? {} : { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async delete(key: ObjectKey, signal?: AbortSignal): Promise<void> {
    try {
      await this.#store.delete(NODE_POD_CHECKPOINTS, key, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
