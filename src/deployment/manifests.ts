import { customResourceDefinitions } from '../kubernetes/index.ts';
import type { DeploymentOptions, Manifest } from './options.ts';
import { rbac } from './rbac.ts';
import { networkPolicies, ownNamespace, priorityClasses, serviceMonitor } from './surroundings.ts';
import { webhookConfiguration } from './webhook-configuration.ts';
import { workloads } from './workloads.ts';

/** What the server can be told. */
export interface ServerAbilities {
  /** Kubernetes 1.28. */
  matchConditions: boolean;
  /** `monitoring.coreos.com/v1`. */
  serviceMonitors: boolean;
  /** `x-kubernetes-validations` (CEL) in definitions: Kubernetes 1.25. Before, nobody refuses a change of a checkpoint's spec. */
  validationRules: boolean;
  /** Kubernetes 1.30. */
  selectableFields: boolean;
}

export interface ManifestFile {
  /** Without its ending. */
  name: string;
  manifests: Manifest[];
}

/** Everything an installation consists of, in the order in which it is to be created. */
export function manifestFiles(options: DeploymentOptions, abilities: ServerAbilities): ManifestFile[] {
  const { namespace } = options;
  const service = { namespace, name: 'fermata-webhook', path: '/pods', port: 443 };
  const { matchConditions: knowsMatchConditions, serviceMonitors, selectableFields, validationRules } = abilities;
  const definitions = customResourceDefinitions({ selectableFields }) as unknown as Manifest[];
  return [
    { name: 'namespace', manifests: [ownNamespace(options)] },
    { name: 'crds', manifests: validationRules ? definitions : definitions.map(withoutRules) },
    { name: 'priority-classes', manifests: priorityClasses() },
    { name: 'rbac', manifests: rbac(options) },
    { name: 'network-policies', manifests: networkPolicies(options) },
    { name: 'workloads', manifests: workloads(options) },
    { name: 'webhook', manifests: [webhookConfiguration({ client: { service }, knowsMatchConditions })] },
    ...(serviceMonitors ? [{ name: 'service-monitor', manifests: [serviceMonitor(options)] }] : []),
  ];
}

/** A server that does not know them refuses to apply them. */
function withoutRules(manifest: Manifest): Manifest {
  return JSON.parse(JSON.stringify(manifest, (key, value) => (key === 'x-kubernetes-validations' ? undefined : value)));
}
