import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitStatusOf } from './exit-status.ts';
import { SLURM } from './slurm.ts';

/** State and exit code as sacct writes them, what they are taken for, and the exit status that comes of it. */
const STATES: [string, string, string, number | undefined][] = [
  ['PENDING', '0:0', 'Pending', undefined],
  ['CONFIGURING', '0:0', 'Pending', undefined],
  ['REQUEUED', '0:0', 'Pending', undefined],
  ['REQUEUE_HOLD', '0:0', 'Pending', undefined],
  ['RESV_DEL_HOLD', '0:0', 'Pending', undefined],
  ['RUNNING', '0:0', 'Running', undefined],
  ['COMPLETING', '0:0', 'Running', undefined],
  ['STAGE_OUT', '0:0', 'Running', undefined],
  ...['REQUEUE_FED', 'SPECIAL_EXIT', 'POWER_UP_NODE'].map((state): [string, string, string, undefined] => [
    state,
    '0:0',
    'Pending',
    undefined,
  ]),
  ...['RESIZING', 'UPDATE_DB'].map((state): [string, string, string, undefined] => [
    state,
    '0:0',
    'Running',
    undefined,
  ]),
  ['LAUNCH_FAILED', '0:0', 'NodeFailure', 221],
  ['RECONFIG_FAIL', '0:0', 'NodeFailure', 221],
  ['REVOKED', '0:0', 'Cancelled', 223],
  ['SIGNALING', '0:0', 'Running', undefined],
  ['SUSPENDED', '0:0', 'Suspended', undefined],
  ['STOPPED', '0:0', 'Suspended', undefined],
  ['COMPLETED', '0:0', 'Exited', 0],
  ['FAILED', '3:0', 'Exited', 3],
  ['FAILED', '0:9', 'Signalled', 137],
  ['CANCELLED by 1001', '0:15', 'Cancelled', 223],
  ['CANCELLED+', '0:0', 'Cancelled', 223],
  ['TIMEOUT', '0:0', 'DeadlineExceeded', 124],
  ['DEADLINE', '0:0', 'DeadlineExceeded', 124],
  ['OUT_OF_MEMORY', '0:125', 'OutOfMemory', 220],
  ['NODE_FAIL', '0:0', 'NodeFailure', 221],
  ['BOOT_FAIL', '0:0', 'NodeFailure', 221],
  ['PREEMPTED', '0:0', 'Preempted', 222],
];

for (const [state, code, expected, status] of STATES) {
  test(`Slurm's ${state} with ${code} is ${expected}`, () => {
    const [report] = SLURM.readAccount(`sacct|12|${state}|${code}|n1\n`);
    assert.equal(report?.end?.kind ?? report?.phase, expected);
    assert.equal(report?.end === undefined ? undefined : exitStatusOf(report.end), status);
  });
}

test('a state that Slurm may add one day is not taken for an end', () => {
  assert.deepEqual(SLURM.readAccount('sacct|12|MEDITATING|0:0|n1\n'), []);
  assert.deepEqual(SLURM.readList('12|N/A|MEDITATING|n1|None\n'), []);
});

test('the controller is believed before accounting, which may lag', () => {
  const text = [
    'sacct|12|RUNNING|0:0|n1',
    'scontrol|JobId=12 JobName=x JobState=FAILED Reason=NonZeroExitCode ExitCode=3:0 NodeList=n1',
  ].join('\n');
  assert.deepEqual(SLURM.readAccount(text)[0]?.end, { kind: 'Exited', exitCode: 3 });
});

test('tasks of an array are told apart in list and accounting', () => {
  assert.deepEqual(
    SLURM.readList('5|2|RUNNING|n1|None\n5|3-7|PENDING||Resources\n').map(({ id, task, phase, reason }) => [
      id,
      task,
      phase,
      reason,
    ]),
    [
      ['5', '2', 'Running', undefined],
      ['5', '3-7', 'Pending', 'Resources'],
    ],
  );
  const text = [
    'sacct|5_2|FAILED|1:0|n1',
    'scontrol|JobId=9 ArrayJobId=5 ArrayTaskId=3 JobState=COMPLETED ExitCode=0:0 NodeList=n1',
  ].join('\n');
  assert.deepEqual(
    SLURM.readAccount(text).map(({ id, task }) => `${id}_${task}`),
    ['5_2', '5_3'],
  );
});

test('of a heterogeneous job the first component speaks', () => {
  const text = [
    'sacct|4+0|FAILED|4:0|n1',
    'sacct|4+1|COMPLETED|0:0|n2',
    'scontrol|JobId=8 HetJobId=8 HetJobOffset=0 JobName=x JobState=RUNNING ExitCode=0:0 NodeList=n1',
    'scontrol|JobId=9 HetJobId=8 HetJobOffset=1 JobName=x JobState=FAILED ExitCode=1:0 NodeList=n2',
  ].join('\n');
  assert.deepEqual(
    SLURM.readAccount(text).map(({ id, phase }) => [id, phase]),
    [
      ['4', 'Ended'],
      ['8', 'Running'],
    ],
  );
});

test('a request becomes the words of sbatch', () => {
  const words = SLURM.submitCommand(
    {
      name: 'x',
      script: '',
      nodes: 2,
      tasks: 8,
      cpusPerTask: 4,
      memoryMebibytes: 4096,
      gpus: 1,
      walltimeSeconds: 90,
      partition: 'gpu',
      account: 'a',
      qualityOfService: 'q',
      array: '1-4',
      dependency: 'afterok:3',
      requeue: false,
      submitOptions: ['--constraint=skylake'],
    },
    { folder: '/home/u/.fermata/hpc/m', jobName: 'x-m', mark: 'm' },
  );
  assert.deepEqual(words.slice(7), [
    '--nodes=2',
    '--ntasks=8',
    '--cpus-per-task=4',
    '--mem=4096M',
    '--gres=gpu:1',
    '--partition=gpu',
    '--time=2',
    '--account=a',
    '--qos=q',
    '--array=1-4',
    '--dependency=afterok:3',
    '--no-requeue',
    '--constraint=skylake',
  ]);
  assert.ok(words.includes('--output=/home/u/.fermata/hpc/m/stdout.%a'));
});
