import type { ObjectStore } from '../store.ts';
import { deletionCases } from './deletion-cases.ts';
import { listCases } from './list-cases.ts';
import { objectCases } from './object-cases.ts';
import { podCases } from './pod-cases.ts';
import { type ComplianceCases, Scene } from './scene.ts';
import { watchCases } from './watch-cases.ts';

/** Longest a case may take, in milliseconds: generous, since a real cluster works in the background. */
const TIMEOUT_MILLISECONDS = 60_000;

/** Cases about what older servers do not have, and the minor version of Kubernetes 1 that brought it. */
const SINCE_MINOR: Readonly<Record<string, number>> = {
  // kubernetes/kubernetes#105913; releases 1.25.0 to 1.25.8 and 1.26.0 to 1.26.3 forgot the UID again (#116550).
  'a bind of another pod of that name, or of an older version of it, is refused': 24,
  'a gated pod cannot be bound until its gates are gone': 27,
};

/**
 * Registers node:test tests for everything {@link ObjectStore} promises, in words that hold for a real kube-apiserver, too.
 * `serverMinor`: the minor version of that server; cases that are newer are left out. Each test makes a store, works in a namespace of its own, deletes that, and calls `cleanup`.
 */
export function storeCompliance(
  name: string,
  makeStore: () => Promise<{ store: ObjectStore; cleanup(): Promise<void> }>,
  options: { serverMinor?: number } = {},
): void {
  // Not imported, so that the room can be used where there is no test runner.
  const { describe, test } = process.getBuiltinModule('node:test');
  const groups: ComplianceCases[] = [objectCases, deletionCases, podCases, listCases, watchCases];
  describe(`${name} as an object store`, () => {
    for (const [sentence, check] of groups.flatMap((group) => Object.entries(group))) {
      if ((SINCE_MINOR[sentence] ?? 0) > (options.serverMinor ?? Number.POSITIVE_INFINITY)) continue;
      test(sentence, { timeout: TIMEOUT_MILLISECONDS }, async () => {
        const { store, cleanup } = await makeStore();
        try {
          const scene = await Scene.begin(store);
          try {
            await check(scene);
          } finally {
            await scene.end();
          }
        } finally {
          await cleanup();
        }
      });
    }
  });
}
