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
  const { matchConditions: knowsMatchConditions, serviceMonitors, selectableFields } = abilities;
  return [
    { name: 'namespace', manifests: [ownNamespace(options)] },
    { name: 'crds', manifests: customResourceDefinitions({ selectableFields }) as unknown as Manifest[] },
    { name: 'priority-classes', manifests: priorityClasses() },
    { name: 'rbac', manifests: rbac(options) },
    { name: 'network-policies', manifests: networkPolicies(options) },
    { name: 'workloads', manifests: workloads(options) },
    { name: 'webhook', manifests: [webhookConfiguration({ client: { service }, knowsMatchConditions })] },
    ...(serviceMonitors ? [{ name: 'service-monitor', manifests: [serviceMonitor(options)] }] : []),
  ];
}
