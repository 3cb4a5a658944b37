import type { KubeObject, ResourceType } from '../model/index.ts';
import type { Manifest } from './options.ts';

/** Kind → where the kinds of the manifests are served below their group and version. */
const SERVED: Readonly<Record<string, { plural: string; namespaced: boolean }>> = {
  Namespace: { plural: 'namespaces', namespaced: false },
  CustomResourceDefinition: { plural: 'customresourcedefinitions', namespaced: false },
  PriorityClass: { plural: 'priorityclasses', namespaced: false },
  ServiceAccount: { plural: 'serviceaccounts', namespaced: true },
  ClusterRole: { plural: 'clusterroles', namespaced: false },
  ClusterRoleBinding: { plural: 'clusterrolebindings', namespaced: false },
  Role: { plural: 'roles', namespaced: true },
  RoleBinding: { plural: 'rolebindings', namespaced: true },
  NetworkPolicy: { plural: 'networkpolicies', namespaced: true },
  Service: { plural: 'services', namespaced: true },
  Deployment: { plural: 'deployments', namespaced: true },
  DaemonSet: { plural: 'daemonsets', namespaced: true },
  ServiceMonitor: { plural: 'servicemonitors', namespaced: true },
  MutatingWebhookConfiguration: { plural: 'mutatingwebhookconfigurations', namespaced: false },
};

/** Where the manifest's object is served. */
export function resourceTypeOf({ apiVersion, kind }: Manifest): ResourceType<KubeObject> {
  const served = SERVED[kind];
  if (served === undefined) throw new Error(`kind ${kind} is not in the table of served kinds`);
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return { group, version, kind, singular: kind.toLowerCase(), shortNames: [], ...served };
}
