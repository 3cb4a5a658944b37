import type { ClusterAccess } from './kubeconfig.ts';
import type { ObjectStore } from './store.ts';

export interface HttpStoreOptions {
  /** Default `fermata`. */
  userAgent?: string;
}

export interface HttpStore extends ObjectStore {
  close(): Promise<void>;
}

export const HttpStore = class {} as unknown as new (access: ClusterAccess, options?: HttpStoreOptions) => HttpStore;
