/** For tests only: what every {@link ObjectStore} must pass. */
export { storeCompliance } from './compliance/store-compliance.ts';
