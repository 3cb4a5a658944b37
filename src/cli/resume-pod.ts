import { isApiError } from '../kubernetes/index.ts';
import {
  FermataError,
  HELD_ANNOTATION,
  isHeld,
  isTerminal,
  PODS,
  type Pod,
  RESTORE_FROM_ANNOTATION,
  SUSPENDED_GATE,
} from '../model/index.ts';
import { type Cluster, getPod } from './cluster.ts';
import { Progress } from './progress.ts';

export interface ResumeResult {
  pod: string;
  namespace: string;
  /** `ended`: it ran again, and was done before that was seen. */
  state: 'resumed' | 'running' | 'ended' | 'runs already';
}

/** Takes the gate away that holds a suspended pod; the scheduler restores it when there is room. */
export async function resumePod(
  cluster: Cluster,
  name: string,
  options: { wait: boolean; timeoutSeconds: number },
): Promise<ResumeResult> {
  const result = (state: ResumeResult['state']): ResumeResult => ({ pod: name, namespace: cluster.namespace, state });
  const pod = await removeGate(cluster, name);
  if (pod.status?.phase === 'Running') return result('runs already');
  if (!options.wait) return result('resumed');
  const progress = new Progress();
  try {
    return result(await untilRunning(cluster, name, options.timeoutSeconds, progress));
  } finally {
    progress.stop();
  }
}

async function removeGate(cluster: Cluster, name: string): Promise<Pod> {
  for (;;) {
    const pod = await getPod(cluster, name);
    const gates = pod.spec.schedulingGates ?? [];
    const others = gates.filter((gate) => gate.name !== SUSPENDED_GATE);
    if (!isHeld(pod)) {
      const suspended = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined && !isTerminal(pod);
      if (pod.status?.phase === 'Running' || suspended) return pod;
      throw new FermataError(
        'PodNotSuspended',
        `pod ${name} is not suspended (phase ${pod.status?.phase ?? 'unknown'})`,
        {
          nextStep: `see: fermata explain pod/${name}`,
        },
      );
    }
    try {
      return await cluster.store.patch(
        PODS,
        { namespace: cluster.namespace, name },
        {
          metadata: {
            uid: pod.metadata.uid,
            resourceVersion: pod.metadata.resourceVersion,
            annotations: { [HELD_ANNOTATION]: null },
          },
          ...(others.length < gates.length && { spec: { schedulingGates: others.length === 0 ? null : others } }),
        },
      );
    } catch (error) {
      if (!isApiError(error, 'Conflict')) throw error;
    }
  }
}

async function untilRunning(
  cluster: Cluster,
  name: string,
  timeoutSeconds: number,
  progress: Progress,
): Promise<'running' | 'ended'> {
  const limit = AbortSignal.timeout(timeoutSeconds * 1000);
  const selector = { namespace: cluster.namespace, fieldSelector: `metadata.name=${name}` };
  let message = '';
  while (!limit.aborted) {
    const list = await cluster.store.list(PODS, selector);
    const seen = list.items[0] && whatBecame(list.items[0]);
    if (seen !== undefined) return seen;
    for await (const event of cluster.store.watch(PODS, {
      ...selector,
      resourceVersion: list.resourceVersion,
      signal: limit,
    })) {
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') break;
      const became = whatBecame(event.object);
      if (became !== undefined) return became;
      message = event.object.status?.message ?? message;
      progress.step(`waiting for pod ${name} to run${message === '' ? '' : `: ${message}`}`);
    }
  }
  throw new FermataError('ResumeTimeout', `pod ${name} does not run yet after ${timeoutSeconds} s`, {
    nextStep: `see why: fermata explain pod/${name}`,
  });
}

function whatBecame(pod: Pod): 'running' | 'ended' | undefined {
  if (isTerminal(pod)) return 'ended';
  return pod.status?.phase === 'Running' ? 'running' : undefined;
}
