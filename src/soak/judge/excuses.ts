import type { ProcessEntry } from '../history.ts';
import type { Facts } from './facts.ts';

/**
 * Why what a process did since its last checkpoint may be lost although nobody interrupted it: it ended by itself, its
 * node failed, an injected fault killed it, or its pod was deleted. Undefined: it may not.
 */
export function excuseOf(entry: ProcessEntry, facts: Facts): string | undefined {
  const process = facts.pods.get(entry.podUid)?.processes.get(entry.container);
  if (process?.startedAt === entry.at) return 'it had ended before its checkpoint was made';
  if (entry.reason === 'OOMKilled') return 'it ran out of memory';
  if (entry.reason === 'finished') {
    // A pod that ends its work with an error is started again by its restart policy, and one that always restarts anyway.
    const policy = facts.pods.get(entry.podUid)?.pod.spec.restartPolicy ?? 'Always';
    return policy === 'Always' || (policy === 'OnFailure' && entry.exitCode !== 0) ? 'it ended by itself' : undefined;
  }
  // The containers of a checkpoint belong together: when one of them ends, all go on from it again.
  const others = [...(facts.pods.get(entry.podUid)?.processes.values() ?? [])];
  if (others.some((other) => other.container !== entry.container && other.state === 'ended')) {
    return 'another container of its pod ended';
  }
  const lethal = facts.lethal.get(entry.podUid);
  if (lethal !== undefined) return `fault ${lethal}`;
  if (facts.node(entry.node).diedAt === entry.at) return `node ${entry.node} failed`;
  const pod = facts.pods.get(entry.podUid);
  // A victim whose checkpoint stands has nothing more to lose: what it did since must never have happened.
  if (pod?.deletedBy !== undefined && facts.stoppedBy(entry.podUid) === undefined) {
    return `its pod was deleted by ${pod.deletedBy}`;
  }
  return undefined;
}
