import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRID_ENGINE_USAGE, PBS_USAGE, readUsage, SLURM_USAGE } from './usage.ts';

test('what Slurm’s steps take is summed over steps and tasks; a job that has none yet takes nothing known', () => {
  const text = 'job 7\n7.batch|00:00:03|10240K|2\n7.0|1-00:00:01|1.5M|1\n7.0|1-00:00:01|1.5M|1\njob 8\n';
  assert.deepEqual(readUsage(SLURM_USAGE, text), [
    { id: '7', cpuSeconds: 86_407, memoryBytes: 2 * 10240 * 1024 + 1.5 * 1024 ** 2 },
    { id: '8' },
  ]);
});

test('what the tasks of a Grid Engine job take is summed', () => {
  const text = `job 3
job_name:                   x
usage    1:                 cpu=00:01:05, mem=0.1 GBs, io=0.00001, vmem=8.5M, maxvmem=9M
usage    2:                 cpu=00:00:01, mem=0.1 GBs, io=0.00001, vmem=N/A, maxvmem=N/A
`;
  assert.deepEqual(readUsage(GRID_ENGINE_USAGE, text), [{ id: '3', cpuSeconds: 66, memoryBytes: 8.5 * 1024 ** 2 }]);
});

test('PBS tells processor time and memory of a job that runs', () => {
  const text = 'job 9.pbs\nJob Id: 9.pbs\n    resources_used.cput = 01:00:00\n    resources_used.mem = 2048kb\n';
  assert.deepEqual(readUsage(PBS_USAGE, text), [{ id: '9.pbs', cpuSeconds: 3600, memoryBytes: 2 * 1024 ** 2 }]);
});
