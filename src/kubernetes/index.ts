export { ApiError, isApiError, type StatusDetails } from './api-error.ts';
export type * from './store.ts';
