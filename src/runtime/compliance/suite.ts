import { after, afterEach, before, describe } from 'node:test';
import type { RuntimeBed } from './bed.ts';
import { checkpointingTests } from './checkpointing.ts';
import { freezingTests } from './freezing.ts';
import { heldRestoreTests } from './held-restores.ts';
import { holdingTests } from './holding.ts';
import { TestNode } from './node.ts';
import { runningTests } from './running.ts';

/**
 * Registers the tests that every runtime passes (`src/runtime/runtime.ts` says what they hold it to), in real time or
 * in virtual time. The bed is made once; after each test no pod is left.
 */
export function runtimeCompliance(name: string, makeBed: () => Promise<RuntimeBed>): void {
  describe(`${name} runtime`, () => {
    let bed: RuntimeBed | undefined;
    const the = (): RuntimeBed => {
      if (bed === undefined) throw new Error('the bed is not made yet');
      return bed;
    };
    const nodes = (): TestNode[] => [new TestNode(the(), the().runtime), new TestNode(the(), the().secondNode)];
    const node = (): TestNode => new TestNode(the(), the().runtime);
    const secondNode = (): TestNode => new TestNode(the(), the().secondNode);

    before(async () => {
      bed = await makeBed();
    });
    afterEach(async () => {
      for (const one of nodes()) {
        for (const { uid } of await the().during(one.runtime.list())) await one.remove(uid);
      }
    });
    after(async () => {
      if (bed === undefined) return;
      await bed.during(bed.runtime.stop());
      await bed.during(bed.secondNode.stop());
      await bed.cleanup();
    });

    runningTests(node);
    checkpointingTests(node, secondNode);
    holdingTests(node);
    freezingTests(node);
    heldRestoreTests(node, secondNode);
  });
}
