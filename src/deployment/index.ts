export { type AgentParts, agentStorage, DEFAULT_KEYS_SECRET, type StorageOptions } from './agent-storage.ts';
export { type Capability, type ClusterFacts, capabilities } from './capabilities.ts';
export { clusterFacts } from './cluster-facts.ts';
export { type Applied, existing, install, manifestsFor, serverAbilities } from './installer.ts';
export { type ManifestFile, manifestFiles, type ServerAbilities } from './manifests.ts';
export {
  DEFAULT_OPTIONS,
  type DeploymentOptions,
  type Manifest,
  ROLES,
  type RoleName,
  withStorage,
} from './options.ts';
export { CLUSTER_RULES, NAMESPACE_RULES, type PolicyRule } from './rbac.ts';
export { type SuspendedChoice, suspendedWorkloads } from './suspended.ts';
export { type UninstallOptions, uninstall } from './uninstaller.ts';
export { type WebhookConfigurationOptions, webhookConfiguration } from './webhook-configuration.ts';
export { manifestYaml } from './yaml.ts';
