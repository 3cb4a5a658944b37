import { FermataError } from '../model/index.ts';
import type { Access } from './access.ts';
import type { BatchSystem } from './batch-system.ts';
import { GRID_ENGINE } from './gridengine.ts';
import { PBS } from './pbs.ts';
import { SLURM } from './slurm.ts';

export const BATCH_SYSTEMS: readonly BatchSystem[] = [SLURM, GRID_ENGINE, PBS];

/** The batch system whose commands are there. */
export async function findBatchSystem(access: Access, signal?: AbortSignal): Promise<BatchSystem> {
  const answer = await access.run(
    'for command in sbatch qconf qselect; do command -v $command >/dev/null && { echo $command; break; }; done; true',
    signal === undefined ? {} : { signal },
  );
  const found = { sbatch: SLURM, qconf: GRID_ENGINE, qselect: PBS }[answer.stdout.trim()];
  if (found !== undefined) return found;
  throw new FermataError(
    'SiteRefused',
    `${access.host} has no batch system that is known: neither sbatch, qconf nor qselect`,
    {
      nextStep: 'name the login node with --host user@login; its commands must be on the PATH of a login by ssh',
    },
  );
}
