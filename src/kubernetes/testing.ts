/** For tests only: what every {@link ObjectStore} must pass, one that fails as networks do, kinds that the server has not. */
export { storeCompliance } from './compliance/store-compliance.ts';
export { type FaultRates, FaultyStore } from './faulty-store.ts';
export { uncheckedKind } from './unchecked-kind.ts';
