import type { Clock } from '../../clock/index.ts';
import { isApiError, type ListOptions, type ObjectStore } from '../../kubernetes/index.ts';
import { conditionOf, isTerminal, type Log, PODS, type Pod, reasonOf } from '../../model/index.ts';

/** The term of the scheduler that last made sure of the pod, on pods that waited when leadership changed. */
export const TERM_ANNOTATION = 'fermata.dev/scheduler-term';
/** Pods a page, as client-go's pager has it. */
const PAGE_SIZE = 500;
const WRITES_AT_ONCE = 32;
const RETRY_MILLISECONDS = 1_000;
/** kube-apiserver ends a request after this long by default (`--request-timeout`), whatever becomes of its client. */
const IN_FLIGHT_MILLISECONDS = 60_000;

/**
 * Makes writes of the leader before impossible that may still be on their way: binds into room that has been given to others
 * since, deletions of victims that nobody needs to die any more. Both name the resourceVersion of their pod, so each pod that
 * waits, and each that is marked as a victim to be terminated, is written to. Pods that appear, or whose gates go, later than
 * this were not there when the old leader sent its last bind. Done before the cluster is read to decide by, so that what came
 * through just in time is seen. Retries until done; throws the signal's reason.
 */
export async function fencePods(
  parts: { store: ObjectStore; clock: Clock; log: Log },
  options: {
    term: string;
    concerns: (pod: Pod) => boolean;
    /** Whether the server refuses binds of an older resourceVersion; where it does not, they are waited for. */
    refusesLateBinds: boolean;
    signal: AbortSignal;
  },
): Promise<void> {
  const { term, concerns, refusesLateBinds, signal } = options;
  if (!refusesLateBinds) {
    parts.log.warn(
      { term, milliseconds: IN_FLIGHT_MILLISECONDS },
      'this API server does not refuse late binds; those of the scheduler that led before are waited for',
    );
    await parts.clock.sleep(IN_FLIGHT_MILLISECONDS, signal);
  }
  for (;;) {
    try {
      let count = 0;
      for await (const page of pages(parts.store, signal)) {
        const exposed = page.filter((pod) => (isPending(pod) && concerns(pod)) || isDoomed(pod));
        count += exposed.length;
        for (let index = 0; index < exposed.length; index += WRITES_AT_ONCE) {
          const batch = exposed.slice(index, index + WRITES_AT_ONCE);
          await Promise.all(batch.map((pod) => mark(parts.store, pod, term, signal)));
        }
      }
      parts.log.info({ term, pods: count }, 'late writes of the scheduler that led before are refused from now on');
      return;
    } catch (error) {
      signal.throwIfAborted();
      parts.log.warn({ term, reason: reasonOf(error) }, 'pods could not be fenced, which is tried again');
      await parts.clock.sleep(RETRY_MILLISECONDS, signal);
    }
  }
}

async function* pages(store: ObjectStore, signal: AbortSignal): AsyncIterable<Pod[]> {
  let options: ListOptions = { signal, limit: PAGE_SIZE };
  for (;;) {
    const page = await store.list(PODS, options);
    yield page.items;
    if (!page.continue) return;
    options = { ...options, continue: page.continue };
  }
}

function isPending(pod: Pod): boolean {
  const { nodeName, schedulingGates = [] } = pod.spec;
  return !nodeName && schedulingGates.length === 0 && !isTerminal(pod);
}

/** Marked as a victim, and not yet deleted. */
function isDoomed(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined || isTerminal(pod)) return false;
  const target = conditionOf(pod.status?.conditions, 'DisruptionTarget');
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}

async function mark(store: ObjectStore, pod: Pod, term: string, signal: AbortSignal): Promise<void> {
  const { uid } = pod.metadata;
  try {
    const patch = { metadata: { uid, annotations: { [TERM_ANNOTATION]: term } } };
    await store.patch(PODS, pod.metadata, patch, { signal });
  } catch (error) {
    // It is gone, or another one has its name.
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}
