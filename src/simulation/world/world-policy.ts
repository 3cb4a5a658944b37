import type { Work } from './work.ts';

/** Decides in the world. It is told what happened, then has one pass an instant in which it acts on the stage. */
export interface WorldPolicy {
  submitted(work: Work, now: number): void;
  ended(work: Work, now: number): void;
  /** It began to compute: after its start, restore or restart. */
  began?(work: Work, now: number): void;
  /** The dump is complete. A job that was to stop has given up its room and waits, a session sleeps; otherwise it computes on. */
  dumped?(work: Work, now: number): void;
  /** Its newest checkpoint is in the store. */
  stored?(work: Work, now: number): void;
  /** A session that slept is wanted: it waits for room. */
  woken?(work: Work, now: number): void;
  /** The dump failed: the job computes on as if nothing had been. */
  dumpFailed?(work: Work, now: number): void;
  /** A node failed under it: it waits again, from its last checkpoint on. */
  interrupted?(work: Work, now: number): void;
  nodeChanged?(node: number, now: number): void;
  /** Its node is about to be drained. True: its dump was ordered; else it is killed. */
  drained?(work: Work, now: number): boolean;
  pass(now: number): void;
  /** When it wants a pass though nothing happens; Infinity: never. */
  nextWakeup?(now: number): number;
}
