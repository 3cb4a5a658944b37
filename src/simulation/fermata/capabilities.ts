import type { Profile } from '../../scheduling/index.ts';
import { DEFAULT_PROFILE } from '../../scheduling/index.ts';

/** What Fermata does beyond placing pods by priority, as far as it is simulated; each can be switched off, to see what it brings. */
export const CAPABILITIES = {
  checkpoint: 'preemption by checkpoint; without it victims are killed',
  backfill: 'a promised start for pods that wait, and others ahead of them if they end in time',
  interruptible: 'backfill by pods that outlast a promise, and are checkpointed in time',
  gang: 'pods of one job start together',
  consolidation: 'moving pods by checkpoint so that a large one fits',
  reclaim: 'opportunistic pods run in what others hold and do not use, and are checkpointed when those use it',
  drain: 'what runs on a node that is to be drained is checkpointed first; without it it is killed',
  idle: 'sessions that do nothing for a while are checkpointed, and are back at their next burst',
  periodic: 'checkpoints at the Young/Daly interval, where nodes fail',
} as const;

export type Capability = keyof typeof CAPABILITIES;

export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as readonly Capability[];

/**
 * The engine's default profile with what is switched on. In a pool, restores have a disk for every processor: no pacing. Without
 * opportunistic jobs nobody has to watch what the others use.
 */
export function profileFor(on: ReadonlySet<Capability>, isPool: boolean, hasGuests: boolean): Profile {
  const left = DEFAULT_PROFILE.plugins.filter(({ name }) => {
    if (name === 'Gang') return on.has('gang');
    if (name === 'Reclaim') return hasGuests;
    return !(isPool && name === 'RestorePacing');
  });
  const added = [
    ...(on.has('backfill') ? [{ name: 'Backfill' }] : []),
    ...(on.has('consolidation') ? [{ name: 'Consolidation' }] : []),
  ];
  const interruptible = on.has('interruptible') && on.has('checkpoint');
  return { plugins: [...left, ...added], args: { Backfill: { interruptible } } };
}
