import type { PodCheckpoint } from '../../model/index.ts';
import type { Rule } from './rule.ts';

/**
 * What failed is tried again after ever longer pauses: a few times in the first minutes, then once in five or ten. So many
 * within an hour are no pauses.
 */
const MOST_PER_HOUR = 40;
const HOUR_MILLISECONDS = 3_600_000;

/** Liveness: nobody tries in haste, again and again, what failed. Each dump freezes its victim, each restore fills a node. */
export function hasteRule(): Rule {
  const frozen = new Frequencies();
  const failed = new Frequencies();
  return (entry, _facts, report) => {
    if (entry.kind === 'process' && entry.fact === 'frozen') {
      const { namespace, pod, podUid, container, at } = entry;
      if (!frozen.isHasty(`${podUid} ${container}`, at)) return;
      report('liveness', entry.workload, `pod ${namespace}/${pod} was frozen ${MOST_PER_HOUR} times within an hour`);
    } else if (entry.kind === 'api' && entry.collection === 'fermata.dev/podcheckpoints') {
      const before = failuresOf(entry.previous as PodCheckpoint | undefined);
      if (failuresOf(entry.object as PodCheckpoint) <= before) return;
      if (!failed.isHasty(entry.object.metadata.uid, entry.at)) return;
      report('liveness', entry.key, `restores from ${entry.key} failed ${MOST_PER_HOUR} times within an hour`);
    }
  };
}

function failuresOf(checkpoint: PodCheckpoint | undefined): number {
  return checkpoint?.status?.restoration?.failures ?? 0;
}

/** When things happened, by what they happened to; at most as many of each as it takes. */
class Frequencies {
  readonly #times = new Map<string, number[]>();

  isHasty(key: string, at: number): boolean {
    const times = (this.#times.get(key) ?? []).filter((time) => time > at - HOUR_MILLISECONDS);
    times.push(at);
    this.#times.set(key, times);
    return times.length === MOST_PER_HOUR;
  }
}
