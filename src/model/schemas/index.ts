import type { TSchema } from 'typebox';
import { NamespaceSchema, NodeSchema, PriorityClassSchema } from './cluster-objects.ts';
import { ConfigMapSchema, LeaseSchema, SecretSchema, ServiceAccountSchema } from './configuration.ts';
import { CustomResourceDefinitionSchema } from './custom-resource-definition.ts';
import { EventSchema } from './event.ts';
import { InterruptionPolicySchema } from './interruption-policy.ts';
import { PodSchema } from './pod.ts';
import { PodCheckpointSchema } from './pod-checkpoint.ts';
import { PodDisruptionBudgetSchema } from './pod-disruption-budget.ts';
import { PodGroupSchema } from './pod-group.ts';
import { PodGroupCheckpointSchema } from './pod-group-checkpoint.ts';

/** Schema of each kind's whole object. */
export const SCHEMAS: Readonly<Record<string, TSchema>> = {
  Namespace: NamespaceSchema,
  Node: NodeSchema,
  Pod: PodSchema,
  PriorityClass: PriorityClassSchema,
  Event: EventSchema,
  Lease: LeaseSchema,
  ConfigMap: ConfigMapSchema,
  Secret: SecretSchema,
  ServiceAccount: ServiceAccountSchema,
  PodDisruptionBudget: PodDisruptionBudgetSchema,
  CustomResourceDefinition: CustomResourceDefinitionSchema,
  PodCheckpoint: PodCheckpointSchema,
  PodGroupCheckpoint: PodGroupCheckpointSchema,
  InterruptionPolicy: InterruptionPolicySchema,
  PodGroup: PodGroupSchema,
};
