import type { Static } from 'typebox';
import type { KubeObject, ResourceType } from './meta.ts';
import type { InterruptionPolicySpecSchema } from './schemas/interruption-policy.ts';

export type InterruptionPolicySpec = Static<typeof InterruptionPolicySpecSchema>;

export interface InterruptionPolicy extends KubeObject {
  spec: InterruptionPolicySpec;
}

export const INTERRUPTION_POLICIES: ResourceType<InterruptionPolicy> = {
  group: 'fermata.dev',
  version: 'v1alpha1',
  kind: 'InterruptionPolicy',
  plural: 'interruptionpolicies',
  singular: 'interruptionpolicy',
  shortNames: ['ipol'],
  namespaced: true,
};
