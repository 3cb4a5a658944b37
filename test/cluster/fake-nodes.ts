import { setTimeout as pause } from 'node:timers/promises';
import { rfc3339, rfc3339Micro } from '../../src/clock/index.ts';
import { type HttpStore, isApiError } from '../../src/kubernetes/index.ts';
import { type Draft, LEASES, NODES, PODS, type Pod } from '../../src/model/index.ts';

/** As many as kube-apiserver answers at once without becoming faster by more. */
const WIDTH = 64;
const LEASE_NAMESPACE = 'kube-node-lease';
/** The node lifecycle controller gives a node up after 40 s without a sign of it. */
const RENEWAL_SECONDS = 25;
/** Labels, selects and taints the nodes: nothing else is to come to them. */
const LABEL = 'fermata.dev/fake-nodes-of';

/** Runs `act` for each, so many at a time. */
export async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: WIDTH }, async () => {
      for (const item of rest) await act(item);
    }),
  );
}

/** Nodes that nobody stands behind, ready for as long as `use` takes, for the pods of {@link fakePod} alone. */
export async function withFakeNodes(
  store: HttpStore,
  { namespace, count, cpu }: { namespace: string; count: number; cpu: string },
  use: () => Promise<void>,
): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `fake-${index}-of-${namespace}`);
  const ended = new AbortController();
  let renewing: Promise<void> | undefined;
  try {
    await inParallel(names, (name) => createNode(store, name, { namespace, cpu }));
    renewing = renewLeases(store, names, ended.signal);
    await use();
  } finally {
    ended.abort();
    await renewing;
    await deletePods(store, namespace);
    await inParallel(names, async (name) => {
      await gone(store.delete(NODES, { name }));
      await gone(store.delete(LEASES, { namespace: LEASE_NAMESPACE, name }));
    });
  }
}

/** A pod of a tenth of a processor for the nodes of this namespace. */
export function fakePod(namespace: string, name: string, schedulerName: string): Draft<Pod> {
  return {
    metadata: { namespace, name },
    spec: {
      schedulerName,
      nodeSelector: { [LABEL]: namespace },
      tolerations: [{ key: LABEL, operator: 'Exists' }],
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'c', image: 'registry.example/none:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } },
      ],
    },
  };
}

export async function deletePods(store: HttpStore, namespace: string): Promise<void> {
  const { items } = await store.list(PODS, { namespace });
  await inParallel(items, ({ metadata }) => gone(store.delete(PODS, metadata, { gracePeriodSeconds: 0 })));
}

async function createNode(
  store: HttpStore,
  name: string,
  { namespace, cpu }: { namespace: string; cpu: string },
): Promise<void> {
  await store.create(NODES, { metadata: { name, labels: { [LABEL]: namespace, 'kubernetes.io/hostname': name } } });
  const now = rfc3339(Date.now());
  const conditions = [{ type: 'Ready', status: 'True' as const, lastHeartbeatTime: now, lastTransitionTime: now }];
  const room = { cpu, memory: '128Gi', pods: '110' };
  const status = { capacity: room, allocatable: room, conditions };
  await store.patch(NODES, { name }, { status }, { subresource: 'status' });
  // Instead of the one that admission puts on each new node: not every cluster has a controller that takes it off.
  const taints = [{ key: LABEL, value: namespace, effect: 'NoSchedule' as const }];
  await store.patch(NODES, { name }, { spec: { taints } });
  await store.create(LEASES, {
    metadata: { namespace: LEASE_NAMESPACE, name },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: rfc3339Micro(Date.now()) },
  });
}

/** As many kubelets do it: each for itself, evenly over time. */
async function renewLeases(store: HttpStore, names: readonly string[], signal: AbortSignal): Promise<void> {
  const perSecond = Math.ceil(names.length / RENEWAL_SECONDS);
  for (let first = 0; !signal.aborted; first = (first + perSecond) % names.length) {
    await Promise.all(
      names.slice(first, first + perSecond).map((name) => {
        const spec = { renewTime: rfc3339Micro(Date.now()) };
        return gone(store.patch(LEASES, { namespace: LEASE_NAMESPACE, name }, { spec }));
      }),
    );
    await pause(1_000, undefined, { signal }).catch(() => undefined);
  }
}

async function gone(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!isApiError(error, 'NotFound')) throw error;
  });
}
