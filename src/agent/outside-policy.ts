import type { InterruptionPolicy, PodCheckpoint } from '../model/index.ts';
import type { OutsideConnections } from '../runtime/index.ts';
import { type GroupVotes, groupOf } from './group-votes.ts';

/** What is to become of the pod's connections to the outside, and who is inside; undefined: they are kept. */
export async function outsidePolicy(
  policy: InterruptionPolicy | undefined,
  checkpoint: PodCheckpoint,
  votes: Pick<GroupVotes, 'current'>,
  signal: AbortSignal,
): Promise<OutsideConnections | undefined> {
  const { outsideConnections = 'Keep' } = policy?.spec ?? {};
  if (outsideConnections === 'Keep') return undefined;
  const ref = groupOf(checkpoint);
  const group = ref === undefined ? undefined : await votes.current(ref, signal);
  const members = (group?.status?.members ?? []).flatMap(({ podIPs = [] }) => podIPs);
  return { policy: outsideConnections, members };
}
