import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '../../model/index.ts';
import { INTERRUPTION_WINDOW_MS } from '../constants.ts';
import { at, checkpoint, EPOCH, node, pod, policy } from '../testing.ts';
import { Story } from '../testing-story.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
/** By the rule: 10 s doubled nine times is more than an hour. */
const MOST_IN_AN_HOUR = 9;

/** A node with one workload on it, which comes back at once whenever it can: the best an adversary can hope for. */
class Siege {
  readonly story: Story;
  readonly interruptions: number[] = [];
  #incarnation: Pod;
  #made = 0;

  constructor(options: { maxInterruptionsPerDay?: number } = {}) {
    this.story = new Story().nodes(node('n1').allocatable({ cpu: '2' }));
    if (options.maxInterruptionsPerDay !== undefined) {
      this.story.tell({ type: 'InterruptionPolicyChanged', policy: policy('x', options) });
    }
    this.#incarnation = this.#run();
  }

  /** An urgent pod comes; when it may, it runs for so long and goes. */
  attack(terminates: boolean, runsMilliseconds: number): void {
    this.#made += 1;
    const built = pod(`p${this.#made}`).priority(10).requests({ cpu: '2' });
    const preemptor = terminates ? built : built.preemption('CheckpointLowerPriority');
    const { story } = this;
    const decisions = story.pods(preemptor).decide();
    const order = decisions.find((decision) => decision.type === 'Interrupt');
    if (order?.type === 'Interrupt') {
      this.interruptions.push(story.now);
      const [victim] = order.victims;
      if (victim?.action === 'Checkpoint') this.#checkpointed(preemptor.build());
      else this.#terminated();
      story.decide();
      story.now += runsMilliseconds;
    }
    story.gone(preemptor);
    if (order !== undefined) this.#incarnation = this.#run();
  }

  wait(milliseconds: number): void {
    this.story.now += milliseconds;
  }

  #checkpointed(preemptor: Pod): void {
    const { story } = this;
    const order = checkpoint(this.#incarnation, `c${this.#made}`)
      .for(preemptor)
      .created(story.now - EPOCH);
    story.checkpoints(order, order.ready(story.now - EPOCH));
    story.tell({ type: 'PodDeleted', pod: this.#incarnation });
    story.checkpoints(order.released());
  }

  #terminated(): void {
    const conditions = [{ type: 'DisruptionTarget', status: 'True' as const, reason: 'PreemptionByScheduler' }];
    const { metadata, status } = this.#incarnation;
    const going: Pod = {
      ...this.#incarnation,
      metadata: { ...metadata, deletionTimestamp: at(this.story.now - EPOCH) },
      status: { ...status, conditions },
    };
    this.story.tell({ type: 'PodChanged', pod: going }, { type: 'PodDeleted', pod: going });
  }

  #run(): Pod {
    const next = pod('w')
      .uid(`w-${this.#made}`)
      .workload('w')
      .requests({ cpu: '2' })
      .priority(1)
      .on('n1', this.story.now - EPOCH);
    this.story.pods(next);
    return next.build();
  }
}

/** The most of the instants that lie within any window of that length. */
function mostWithin(instants: readonly number[], window: number): number {
  return instants.reduce(
    (most, from) => Math.max(most, instants.filter((instant) => instant >= from && instant < from + window).length),
    0,
  );
}

const arrivals = fc.array(
  fc.record({
    afterSeconds: fc.oneof(fc.constantFrom(0, 1, 5, 10, 20, 40), fc.integer({ min: 0, max: 5_000 })),
    runsSeconds: fc.constantFrom(0, 0, 1, 30),
    terminates: fc.boolean(),
  }),
  { maxLength: 120, size: 'max' },
);

test('whatever urgent pods arrive, a workload is interrupted at most nine times in any hour', () => {
  fc.assert(
    fc.property(arrivals, (attacks) => {
      const siege = new Siege();
      siege.wait(HOUR);
      for (const { afterSeconds, runsSeconds, terminates } of attacks) {
        siege.wait(afterSeconds * SECOND);
        siege.attack(terminates, runsSeconds * SECOND);
      }
      assert.ok(mostWithin(siege.interruptions, HOUR) <= MOST_IN_AN_HOUR, `${siege.interruptions}`);
    }),
    { numRuns: 40 },
  );
});

test('an adversary that never rests gets nine interruptions in the first hour and at most one in every hour after', () => {
  const siege = new Siege();
  for (let second = 0; second < 6 * 3_600; second++) {
    siege.wait(SECOND);
    siege.attack(false, 0);
  }
  const [first = 0] = siege.interruptions;
  const early = siege.interruptions.filter((instant) => instant < first + HOUR);
  const late = siege.interruptions.filter((instant) => instant >= first + HOUR);
  assert.equal(early.length, MOST_IN_AN_HOUR);
  assert.ok(mostWithin(late, HOUR) <= 1, `${late.length} in five hours`);
  assert.ok(late.length >= 4, 'and it is not protected for ever');
});

test('maxInterruptionsPerDay holds in any 24 hours', () => {
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 0, max: 4 }), (attacks, maxInterruptionsPerDay) => {
      const siege = new Siege({ maxInterruptionsPerDay });
      siege.wait(HOUR);
      for (const { afterSeconds, terminates } of attacks) {
        siege.wait(afterSeconds * 20 * SECOND);
        siege.attack(terminates, 0);
      }
      assert.ok(mostWithin(siege.interruptions, INTERRUPTION_WINDOW_MS) <= maxInterruptionsPerDay);
    }),
    { numRuns: 40 },
  );
});
