export { ApiError, isApiError, type StatusDetails } from './api-error.ts';
export { EventRecorder } from './event-recorder.ts';
export { HttpStore, type HttpStoreOptions } from './http-store.ts';
export { type ClusterAccess, loadKubeconfig } from './kubeconfig.ts';
export { type Backoff, ReconcileLoop, type ReconcileOptions, type Requeue } from './reconcile-loop.ts';
export { Reflector, type ReflectorOptions } from './reflector.ts';
export * from './registry/index.ts';
export type * from './store.ts';
export { storeCompliance } from './store-compliance.ts';
