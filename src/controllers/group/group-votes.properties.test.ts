import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rfc3339, seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, isApiError, MemoryBacking, Registry } from '../../kubernetes/index.ts';
import {
  isConditionTrue,
  NODES,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
  SILENT_LOG,
  withCondition,
} from '../../model/index.ts';
import { GroupController } from './group-controller.ts';

const NAMESPACE = 'default';
const GROUP = { namespace: NAMESPACE, name: 'ring' };
const TIMEOUT_SECONDS = 60;
/** After this at the latest: the timeout, the slack for orders, and one look at the votes. */
const DECIDED_MILLISECONDS = (TIMEOUT_SECONDS + 5 + 5) * 1_000;

/** What one member and its node do; times from the order on. */
const plan = fc.record({
  /** When the dump is complete; beyond the timeout: never. */
  dumpMilliseconds: fc.integer({ min: 0, max: 80_000 }),
  fault: fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'none' as const, at: 0 }) },
    fc.record({
      kind: fc.constantFrom('dump fails' as const, 'node dies' as const, 'node is gone' as const, 'pod goes' as const),
      at: fc.integer({ min: 0, max: 80_000 }),
    }),
  ),
});
type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never;

/** A group of pods, a node each; the test plays agents and nodes. */
class World {
  readonly clock = new VirtualClock();
  readonly registry: Registry;
  readonly #plans: readonly Plan[];
  readonly #controllers: GroupController[] = [];

  constructor(plans: readonly Plan[]) {
    this.#plans = plans;
    this.registry = new Registry({ backing: new MemoryBacking(), clock: this.clock, random: seededRandom(1) });
  }

  async begin(): Promise<void> {
    for (const [rank, { dumpMilliseconds, fault }] of this.#plans.entries()) {
      const name = `rank-${rank}`;
      const pod = await this.registry.create(PODS, {
        metadata: { name, namespace: NAMESPACE, labels: { app: 'ring' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      });
      await this.registry.create(NODES, { metadata: { name: `node-${rank}` } });
      await this.#node(rank, 'True');
      await this.registry.bind({ namespace: NAMESPACE, name, uid: pod.metadata.uid }, `node-${rank}`);
      const running = { status: { phase: 'Running' as const } };
      await this.registry.patch(PODS, { namespace: NAMESPACE, name }, running, { subresource: 'status' });
      this.clock.setTimer(dumpMilliseconds, () => void this.#vote(rank));
      if (fault.kind !== 'none') this.clock.setTimer(fault.at, () => void this.#happen(rank, fault.kind));
    }
    await this.registry.create(POD_GROUP_CHECKPOINTS, {
      metadata: GROUP,
      spec: { selector: { matchLabels: { app: 'ring' } }, timeoutSeconds: TIMEOUT_SECONDS },
    });
    this.startController();
  }

  startController(): void {
    const parts = { store: this.registry, clock: this.clock, random: seededRandom(2), log: SILENT_LOG };
    const controller = new GroupController({ ...parts, events: new EventRecorder(parts, { component: 'test' }) });
    controller.start();
    this.#controllers.push(controller);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#controllers.splice(0).map((controller) => controller.stop()));
  }

  async decision() {
    return (await this.registry.get(POD_GROUP_CHECKPOINTS, GROUP)).status?.decision;
  }

  /** Whether a member had something to vote for, and still has, at that instant. */
  holdsAt(rank: number, milliseconds: number): boolean {
    const { dumpMilliseconds, fault } = this.#plans[rank] ?? { dumpMilliseconds: 0, fault: { kind: 'none', at: 0 } };
    return dumpMilliseconds <= milliseconds && (fault.kind === 'none' || fault.at > milliseconds);
  }

  isDown(rank: number): boolean {
    const fault = this.#plans[rank]?.fault;
    return fault !== undefined && fault.kind !== 'none' && fault.at <= this.elapsed();
  }

  elapsed(): number {
    return this.clock.now() - Date.UTC(2026, 0, 1);
  }

  async #vote(rank: number): Promise<void> {
    if (this.isDown(rank)) return;
    await this.#say(rank, 'Prepared', 'True', 'ImagesVerified');
  }

  async #happen(rank: number, what: Exclude<Plan['fault']['kind'], 'none'>): Promise<void> {
    const pod = { namespace: NAMESPACE, name: `rank-${rank}` };
    if (what === 'dump fails') await this.#say(rank, 'Ready', 'False', 'CheckpointFailed');
    else if (what === 'node dies') await this.#node(rank, 'Unknown');
    else if (what === 'node is gone') await this.registry.delete(NODES, { name: `node-${rank}` });
    else await this.registry.delete(PODS, pod, { gracePeriodSeconds: 0 });
  }

  async #node(rank: number, status: 'True' | 'Unknown'): Promise<void> {
    const ready = { status: { conditions: [{ type: 'Ready', status }] } };
    await this.registry.patch(NODES, { name: `node-${rank}` }, ready, { subresource: 'status' });
  }

  /** Whatever the group was decided to be by then, as an agent whose vote is late. */
  async #say(rank: number, type: 'Ready' | 'Prepared', status: 'True' | 'False', reason: string): Promise<void> {
    const member = (await this.registry.list(POD_CHECKPOINTS)).items.find(
      ({ spec }: PodCheckpoint) => spec.sourcePod.name === `rank-${rank}`,
    );
    if (member === undefined || isConditionTrue(member.status?.conditions, 'Ready')) return;
    const condition = { type, status, reason, message: reason } as const;
    const conditions = withCondition(member.status?.conditions, condition, rfc3339(this.clock.now()));
    const key = { namespace: NAMESPACE, name: member.metadata.name };
    const said = { status: { nodeName: `node-${rank}`, conditions } };
    try {
      await this.registry.patch(POD_CHECKPOINTS, key, said, { subresource: 'status' });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}

test('whatever fails, dies or is late: committed in time, and only while every vote stands, or aborted', async () => {
  let committed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { minLength: 1, maxLength: 4 }),
      fc.option(fc.integer({ min: 0, max: 70_000 }), { nil: undefined }),
      async (plans, crashAt) => {
        const world = new World(plans);
        await world.begin();
        if (crashAt !== undefined) {
          await world.clock.advance(crashAt);
          await world.stop();
          world.startController();
        }
        await world.clock.advance(DECIDED_MILLISECONDS - world.elapsed());
        const decision = await world.decision();
        await world.stop();
        assert.ok(decision !== undefined, 'undecided beyond its time');
        if (decision.verdict !== 'Committed') return;
        committed++;
        const at = Date.parse(decision.time) - Date.UTC(2026, 0, 1);
        for (const rank of plans.keys()) {
          // The time of a decision is written in whole seconds.
          assert.ok(world.holdsAt(rank, at) || world.holdsAt(rank, at + 999), `rank ${rank} had nothing at ${at} ms`);
        }
      },
    ),
    { numRuns: 150, seed: 7 },
  );
  assert.ok(committed > 10, `${committed} runs were committed: too few to say anything`);
});
