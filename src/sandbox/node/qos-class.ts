import { type Pod, parseResources, type Resources } from '../../model/index.ts';

/** The pod's quality of service class, as `v1qos.ComputePodQOS` computes it from cpu and memory of its containers. */
export function qosClassOf(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const lists = containers.map(({ resources }) => ({
    requests: parseResources(resources?.requests as Record<string, string> | undefined),
    limits: parseResources(resources?.limits as Record<string, string> | undefined),
  }));
  const amount = (list: Resources, name: string): number => list[name] ?? 0;
  const names = ['cpu', 'memory'];
  if (
    lists.every(({ requests, limits }) => names.every((name) => amount(requests, name) + amount(limits, name) === 0))
  ) {
    return 'BestEffort';
  }
  const guaranteed = lists.every(({ requests, limits }) =>
    names.every((name) => {
      const limit = amount(limits, name);
      return limit > 0 && (amount(requests, name) || limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
