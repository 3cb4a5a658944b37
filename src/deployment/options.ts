import { type AgentParts, agentStorage, type StorageOptions } from './agent-storage.ts';

/** What differs from one installation to the next. Texts and numbers may be placeholders of a template. */
export interface DeploymentOptions {
  namespace: string;
  /** With its tag. */
  image: string;
  /** Of `fermata agent`: where the node keeps journal and checkpoints. */
  agentDirectory: string;
  replicas: { scheduler: number; controller: number; webhook: number };
  /** `spec.schedulerName` of the pods it schedules. */
  schedulerName: string;
  /** What the agents have beside the rest: see {@link withStorage}. */
  agentParts: readonly AgentParts[];
}

export const DEFAULT_OPTIONS: DeploymentOptions = {
  namespace: 'fermata-system',
  image: 'localhost/fermata:latest',
  agentDirectory: '/var/lib/fermata',
  replicas: { scheduler: 2, controller: 2, webhook: 2 },
  schedulerName: 'fermata',
  agentParts: [],
};

/** The same, with a store for checkpoints. */
export function withStorage(options: DeploymentOptions, storage: StorageOptions): DeploymentOptions {
  return { ...options, agentParts: agentStorage(storage) };
}

/** An object as it is written into a manifest. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** Why a part of a manifest is there; written as a comment above it. */
export const REASON: unique symbol = Symbol('reason');

export function because<T extends object>(reason: string, part: T): T & { [REASON]: string } {
  return { ...part, [REASON]: reason };
}

/** Role → the port on which it serves `/healthz`, `/readyz` and `/metrics`. The agent is on the node's own network. */
export const HEALTH_PORTS = { scheduler: 8081, controller: 8081, webhook: 8081, agent: 10268 } as const;
export type RoleName = keyof typeof HEALTH_PORTS;
export const ROLES = Object.keys(HEALTH_PORTS) as RoleName[];

export const PART_OF = { 'app.kubernetes.io/name': 'fermata', 'app.kubernetes.io/part-of': 'fermata' };

export function labelsOf(role: RoleName): Record<string, string> {
  return { ...PART_OF, 'app.kubernetes.io/component': role };
}
