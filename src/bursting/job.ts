import type * as batch from 'kubernetes-types/batch/v1.d.ts';
import type * as core from 'kubernetes-types/core/v1.d.ts';
import { JOBS, type KubeObject, type ResourceType } from '../model/index.ts';

export type { core };

/** A Job as the API has it, as far as it is read here. */
export interface Job extends KubeObject {
  spec: Omit<batch.JobSpec, 'template'> & { template: PodTemplate };
  status?: { conditions?: { type: string; status: string }[] };
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: core.PodSpec;
}

export const BATCH_JOBS = JOBS as ResourceType<Job>;
