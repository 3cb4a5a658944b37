import type { ClusterAccess } from '../kubernetes/index.ts';
import { type HttpStore, isApiError, KubeletCheckpoints } from '../kubernetes/index.ts';
import { MUTATING_WEBHOOK_CONFIGURATIONS, NODES } from '../model/index.ts';
import type { ClusterFacts, NodeFacts } from './capabilities.ts';

const ASKED = ['policy/v1', 'metrics.k8s.io/v1beta1', 'node.k8s.io/v1alpha1', 'fermata.dev/v1alpha1'];
/** Of kubelets, each asked on its own. */
const ANSWER_MILLISECONDS = 10_000;
const NOBODY = { namespace: 'default', pod: 'fermata-doctor-asks-for-nobody', container: 'none', timeoutSeconds: 1 };

/** Looks at the cluster. Each kubelet is asked to checkpoint a container that does not exist: what it refuses that with tells. */
export async function clusterFacts(
  { store, access }: { store: HttpStore; access: ClusterAccess },
  limit: (milliseconds: number) => AbortSignal,
): Promise<ClusterFacts> {
  const [version, resources, { items }, webhook] = await Promise.all([
    store.version(),
    Promise.all(ASKED.map((groupVersion) => resourcesOf(store, groupVersion))),
    store.list(NODES),
    webhookOf(store),
  ]);
  const nodes = await Promise.all(
    items.map(async ({ metadata: { name }, status }): Promise<NodeFacts> => {
      const { kubeletVersion = '', containerRuntimeVersion = '' } = status?.nodeInfo ?? {};
      const endpoint = await endpointOf(access, name, limit(ANSWER_MILLISECONDS));
      return { name, kubeletVersion, containerRuntimeVersion, endpoint };
    }),
  );
  const served = ASKED.flatMap((name, index) => {
    const found = resources[index];
    return found === undefined ? [] : [[name, found] as const];
  });
  return { version, served: Object.fromEntries(served), nodes, webhook };
}

async function resourcesOf(store: HttpStore, groupVersion: string): Promise<string[] | undefined> {
  try {
    const list = (await store.read(`/apis/${groupVersion}`)) as { resources?: { name: string }[] };
    return (list.resources ?? []).map(({ name }) => name);
  } catch (error) {
    // ServiceUnavailable: the group is another server's (metrics-server), which is away.
    if (isApiError(error, 'NotFound', 'ServiceUnavailable')) return undefined;
    throw error;
  }
}

async function webhookOf(store: HttpStore): Promise<ClusterFacts['webhook']> {
  try {
    const found = await store.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: 'fermata' });
    const { webhooks = [] } = found as { webhooks?: { clientConfig?: { caBundle?: string } }[] };
    return webhooks.every(({ clientConfig }) => (clientConfig?.caBundle ?? '') !== '') ? 'Ready' : 'WithoutAuthority';
  } catch (error) {
    if (isApiError(error, 'NotFound')) return 'Missing';
    throw error;
  }
}

async function endpointOf(
  access: ClusterAccess,
  throughNode: string,
  signal: AbortSignal,
): Promise<NodeFacts['endpoint']> {
  const kubelet = new KubeletCheckpoints(access, { throughNode, userAgent: 'fermata-cli' });
  try {
    const answer = await kubelet.checkpoint(NOBODY, signal);
    if (!('status' in answer)) return 'Served';
    if (answer.status === 403 || answer.status === 401) return 'Forbidden';
    // A kubelet that serves it knows no such pod; one that does not knows no such page.
    if (answer.status === 404)
      return /page not found|could not find the requested resource/i.test(answer.message) ? 'NotServed' : 'Served';
    return answer.status >= 500 ? 'Unanswered' : 'NotServed';
  } catch (error) {
    if (isApiError(error) || signal.aborted) return 'Unanswered';
    throw error;
  } finally {
    await kubelet.close();
  }
}
