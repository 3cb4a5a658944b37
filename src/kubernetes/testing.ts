/** For tests only: what every {@link ObjectStore} must pass, and one that fails as networks do. */
export { storeCompliance } from './compliance/store-compliance.ts';
export { type FaultRates, FaultyStore } from './faulty-store.ts';
