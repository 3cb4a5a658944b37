import type { Kind } from '../kubernetes/index.ts';
import { BATCH_JOBS } from './job.ts';

/** For tests only: Jobs as a kind of the in-process API server, which has none of its own; they may hold anything. */
export const UNCHECKED_JOBS: Kind = {
  type: BATCH_JOBS,
  custom: true,
  subresources: [],
  schema: { type: 'object' },
  printerColumns: [],
  selectableFields: [],
  categories: [],
  prepare: (object) => ({ object, unknownFields: [] }),
  validate: () => [],
  validateUpdate: () => [],
};
