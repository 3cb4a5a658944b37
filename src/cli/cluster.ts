import type { Command } from 'commander';
import { type ClusterAccess, HttpStore, isApiError, loadKubeconfig } from '../kubernetes/index.ts';
import { FermataError, PODS, type Pod } from '../model/index.ts';
import { UsageError } from './exit.ts';
import { sandboxKubeconfig } from './sandbox-options.ts';

export interface ClusterFlags {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  dir?: string;
}

/** The options by which a command finds its cluster, the same as kubectl's, and `--dir` for a sandbox. */
export function clusterOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig to use (default: $KUBECONFIG, ~/.kube/config, in-cluster)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace (default: of the context)')
    .option('--dir <folder>', 'use the sandbox in this folder');
}

export interface Cluster {
  store: HttpStore;
  access: ClusterAccess;
  namespace: string;
}

/** Runs `work` against the cluster the flags name, and closes the connection whatever happens. */
export async function withCluster<T>(flags: ClusterFlags, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const path = flags.dir === undefined ? flags.kubeconfig : sandboxKubeconfig(flags.dir);
  const access = await loadKubeconfig({
    ...(path === undefined ? {} : { path }),
    ...(flags.context === undefined ? {} : { context: flags.context }),
  });
  const store = new HttpStore(access, { userAgent: 'fermata-cli' });
  try {
    return await work({ store, access, namespace: flags.namespace ?? access.namespace ?? 'default' });
  } finally {
    await store.close();
  }
}

/** `pod/x`, `pods/x`, `po/x` or plain `x`. */
export function podName(argument: string): string {
  const [kind, name, ...more] = argument.includes('/') ? argument.split('/') : ['pod', argument];
  if (!['pod', 'pods', 'po'].includes(kind ?? '') || name === undefined || name === '' || more.length > 0) {
    throw new UsageError(`"${argument}" does not name a pod: write pod/NAME, or just NAME`);
  }
  return name;
}

export async function getPod(cluster: Cluster, name: string): Promise<Pod> {
  try {
    return await cluster.store.get(PODS, { namespace: cluster.namespace, name });
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    throw new FermataError('PodNotFound', `there is no pod "${name}" in namespace "${cluster.namespace}"`, {
      nextStep: 'kubectl get pods -A shows all pods; name another namespace with -n',
    });
  }
}
