import { type TSchema, Type } from 'typebox';
import { InterruptionPolicySpecSchema } from './interruption-policy.ts';
import { PodCheckpointSpecSchema, PodCheckpointStatusSchema } from './pod-checkpoint.ts';

const open = Type.Object({}, { additionalProperties: true });

/** Schema of each kind's whole object. */
export const SCHEMAS: Readonly<Record<string, TSchema>> = {
  Namespace: open,
  Node: open,
  Pod: open,
  PriorityClass: open,
  Event: open,
  Lease: open,
  ConfigMap: open,
  Secret: open,
  ServiceAccount: open,
  PodDisruptionBudget: open,
  CustomResourceDefinition: open,
  PodCheckpoint: Type.Object({ spec: PodCheckpointSpecSchema, status: Type.Optional(PodCheckpointStatusSchema) }),
  InterruptionPolicy: Type.Object({ spec: InterruptionPolicySpecSchema }),
};
