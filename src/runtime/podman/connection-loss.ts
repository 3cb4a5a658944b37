import { endsOf } from '../outside-connections.ts';
import type { PodDumpRecord } from './archive.ts';

/** Connections in one sentence: it is read in an event. */
const SHOWN = 3;

/** Pure: which connections do not go on, and why, in a sentence; undefined: all do. `lostAddress`: the pod's, when it has another one now. */
export function connectionLoss(
  { leadingOut = [], closing = [] }: Pick<PodDumpRecord, 'leadingOut' | 'closing'>,
  lostAddress: string | undefined,
): string | undefined {
  if (lostAddress !== undefined) {
    return `its address ${lostAddress} was not free: connections to ${listed(leadingOut)} were closed`;
  }
  if (closing.length === 0) return undefined;
  return `as its policy says, connections to ${listed(closing.map((ends) => endsOf(ends)[1]))} were closed`;
}

function listed(remotes: readonly string[]): string {
  const more = remotes.length > SHOWN ? [`${remotes.length - SHOWN} more`] : [];
  return [...remotes.slice(0, SHOWN), ...more].join(', ');
}
