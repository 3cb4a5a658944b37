// Types alone: the processes that run these worlds load the product themselves.
import type { FaultRates } from '../../src/soak/testing.ts';
import { GUARDS } from './guards.ts';

/** A failure that the soak found and that was mended: the world in which it happened, small, must be in order now. */
export interface Regression {
  /** What happened, to whom, and why. */
  found: string;
  world: {
    days: number;
    rates: Partial<FaultRates>;
    seed?: number;
    nodes?: number;
    workloadsPerDay?: number;
    groups?: boolean;
    gangs?: boolean;
  };
}

/** The world that betrays the failure when the mend is taken out: `judged.test.ts` proves that it still does. */
function worldOf(guard: string): Regression['world'] {
  const world = GUARDS[guard]?.world;
  if (world === undefined) throw new Error(`there is no guard "${guard}"`);
  return world;
}

/** By a sentence that says what holds since. */
export const REGRESSIONS: Readonly<Record<string, Regression>> = {
  'retention keeps what a restored pod goes back to': {
    found: 'a newer copy superseded the checkpoint of a restored pod, which crashed and had nothing to go back to',
    world: worldOf('retention lets go what a restored pod would go back to'),
  },
  'retention asks the server before it lets go': {
    found:
      'a stalled watch had not told of the pod that was restored from a checkpoint, and retention took it for superseded',
    world: worldOf('retention trusts a watch that has not told of the pod that goes on'),
  },
  'a checkpoint that its owner deletes stays as long as a restored pod may go back to it': {
    found: 'somebody tidied up; the pod restored from that checkpoint crashed, and could never start again',
    world: worldOf('the finalizer lets go what a restored pod would go back to'),
  },
  'a restore that hangs is given up': {
    found: 'the node waited for a hanging restore for ever',
    world: worldOf('a restore that hangs is waited for'),
  },
  'a restore cut off by the death of its node process is joined': {
    found: 'a second life of the node neither joined nor ended the restore that the first had begun',
    world: { days: 1, rates: { restore: { slow: 0.7 }, node: { kill: 60 } } },
  },
  'preemption leaves alone what is being restored': {
    found: 'a pod was terminated in the middle of its restore, and its state given up as abandoned',
    world: worldOf('the scheduler terminates what is being restored'),
  },
  'a stalled watch does not make controllers ask without pause': {
    found: 'a controller that saw an old state asked the server again at once, for ever',
    world: { days: 1, rates: { watch: { stall: 0.5 } }, workloadsPerDay: 120 },
  },
  'room is taken as long as its release is not confirmed, though the watch has not told of the order': {
    found: 'the victim was seen to vanish before the order to stop it, and its room looked free',
    world: worldOf('the scheduler trusts a watch that has not told of its own orders'),
  },
  'an order that the watch tells of late holds its room against a bind on its way': {
    found:
      'the room of a vanished victim looked free, a bind into it waited for a busy server, and the order seen meanwhile let it through',
    world: worldOf('the scheduler trusts a bind that was on its way when the watch told of its order'),
  },
  'an order whose answer was lost holds its room': {
    found: 'the answer to an order was lost, the scheduler took it for refused, and bound into the room that it freed',
    world: worldOf('the scheduler forgets an order whose answer has not come'),
  },
  'a status write forgets the conditions of nobody else': {
    found: 'the scheduler wrote the conditions it had seen last over one that the node had added meanwhile',
    world: { days: 1, rates: { request: { slow: 0.5, twice: 0.1 }, restore: { fail: 0.3 } } },
  },
  'time passes between two decisions about a pod': {
    found: 'a pod waited for another that was due to be gone at that very instant: decided, woken, decided, for ever',
    world: { days: 1, rates: { watch: { stall: 0.3 } }, workloadsPerDay: 120 },
  },
  'a victim whose dump failed is left alone for a while, whatever the clocks say': {
    found:
      'the clock of a node was an hour behind: each failure seemed long past, and the victim was frozen every second',
    world: worldOf('a victim whose dump failed is not left alone'),
  },
  'a workload whose restore failed waits ever longer, whatever the clocks say': {
    found: 'the clock of the scheduler was ahead: a damaged checkpoint was restored twice a second',
    world: worldOf('a workload whose restore failed is tried again without a pause'),
  },
  'an eviction, or the loss of a node, in the middle of a restore is an interruption': {
    found:
      'a pod was bound, not yet restored, and evicted: it counted as deleted by its owner, and its state was let go',
    world: worldOf('an eviction counts as abandonment'),
  },
  'a group is thawed although the statistics of a dump are cut': {
    found:
      'a dump was half written, the answer to its abort was lost, and asking again failed on its statistics, for ever',
    world: worldOf('statistics that are cut keep the pods of a group frozen'),
  },
  'members of a gang that it does not need wait like any other while room is made for the rest': {
    found:
      'an urgent member ordered interruptions; those that waited with it fell out of the queue, and waited for ever',
    world: worldOf('the scheduler forgets members of a gang while it makes room for others'),
  },
  'a pod that was lost goes back to its checkpoint also when its node is started again': {
    found:
      'a failed dump took a restored pod; the node died in the middle of restoring it again, and its next life called it ended',
    world: worldOf('a node that is started again takes a loss for an end'),
  },
};
