import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { exitStatusOf } from './exit-status.ts';
import type { JobReport } from './job.ts';
import { PBS } from './pbs.ts';

/** What the commands of the driver make of a `qstat` that prints `text`, through the shell and awk as at a site. */
function accountOf(text: string, ids = ['1.pbs'], status = 0): JobReport[] {
  const qstat = `qstat() { printf '%s' "$TEXT"; return ${status}; }\n`;
  const options = { env: { ...process.env, TEXT: text }, encoding: 'utf8' } as const;
  return PBS.readAccount(
    execFileSync('bash', ['-c', `set -o pipefail\n${qstat}${PBS.account}`, 'bash', ...ids], options),
  );
}

/** As `qstat -x -f` of OpenPBS prints a job, its long values folded. */
const block = (id: string, fields: Readonly<Record<string, string>>): string =>
  `Job Id: ${id}
    Job_Name = bash-0123456789ab
    Job_Owner = alice@login1
${Object.entries(fields)
  .map(([name, value]) => `    ${name} = ${value}\n`)
  .join('')}    Variable_List = PBS_O_HOME=/home/alice,PBS_O_LANG=en_US.UTF-8,
\tPBS_O_LOGNAME=alice,PBS_O_PATH=/opt/pbs/bin:/usr/bin,PBS_O_QUEUE=workq,
\tPBS_O_HOST=login1
    comment = Job run at Sun Nov 22 at 12:00 on (node1:ncpus=2) and fi
\tnished

`;

/** State and what goes with it, what it is taken for, and the exit status that comes of it. */
const STATES: [string, Readonly<Record<string, string>>, string, number | undefined][] = [
  ['Q', {}, 'Pending', undefined],
  ['H', { Hold_Types: 'u' }, 'Pending', undefined],
  ['W', {}, 'Pending', undefined],
  ['T', {}, 'Pending', undefined],
  ['B', {}, 'Running', undefined],
  ['R', { substate: '42' }, 'Running', undefined],
  ['E', { substate: '50' }, 'Running', undefined],
  ['S', { substate: '43' }, 'Suspended', undefined],
  ['U', {}, 'Suspended', undefined],
  ['F', { substate: '92', Exit_status: '0' }, 'Exited', 0],
  ['F', { substate: '93', Exit_status: '3' }, 'Exited', 3],
  ['X', { substate: '93', Exit_status: '4' }, 'Exited', 4],
  ['F', { substate: '93', Exit_status: '137' }, 'Signalled', 137],
  ['F', { substate: '93', Exit_status: '265' }, 'Signalled', 137],
  ['F', { substate: '91', Exit_status: '271' }, 'Cancelled', 223],
  ['F', { substate: '91' }, 'Cancelled', 223],
  ['F', { substate: '93', Exit_status: '-29' }, 'DeadlineExceeded', 124],
  ['F', { substate: '93', Exit_status: '-28' }, 'DeadlineExceeded', 124],
  [
    'F',
    { Exit_status: '271', 'resources_used.walltime': '00:02:32', 'Resource_List.walltime': '00:02:00' },
    'DeadlineExceeded',
    124,
  ],
  [
    'F',
    { Exit_status: '271', 'resources_used.walltime': '00:01:32', 'Resource_List.walltime': '00:02:00' },
    'Signalled',
    143,
  ],
  ['F', { substate: '93', Exit_status: '-27' }, 'OutOfMemory', 220],
  ['F', { substate: '93', Exit_status: '-26' }, 'OutOfMemory', 220],
  ['F', { substate: '93', Exit_status: '-25' }, 'Cancelled', 223],
  ['F', { substate: '93', Exit_status: '-19' }, 'Cancelled', 223],
  ['F', { substate: '93', Exit_status: '-1' }, 'NodeFailure', 221],
  ['F', { substate: '93', Exit_status: '-20' }, 'NodeFailure', 221],
  // Neither the server that has it no more nor one that keeps no exit status says how.
  ['F', {}, 'Ended', undefined],
  ['M', { substate: '90' }, 'Ended', undefined],
];
for (const [state, more, expected, status] of STATES) {
  test(`the state ${state} of PBS with ${JSON.stringify(more)} is ${expected}`, () => {
    const [report] = accountOf(block('1.pbs', { job_state: state, ...more }));
    assert.equal(report?.end?.kind ?? report?.phase, expected);
    assert.equal(report?.end === undefined ? undefined : exitStatusOf(report.end), status);
  });
}

test('a state that PBS may add one day is not taken for an end', () => {
  assert.deepEqual(accountOf(block('1.pbs', { job_state: 'Z' })), []);
});

test('values are read over folded lines, and what parts our fields cannot come from them', () => {
  const [report] = accountOf(block('1.pbs', { job_state: 'R', exec_host: 'node1/0*2|odd' }));
  assert.deepEqual([report?.id, report?.nodes, report?.reason], ['1.pbs', 'node1/0*2/odd', 'Job run']);
});

test('tasks go under the id of their array, whose own line tells while it has begun, not when it is over', () => {
  const tasks = block('7[1].pbs', { job_state: 'X', Exit_status: '1' }) + block('7[12].pbs', { job_state: 'R' });
  const read = (state: string) =>
    accountOf(block('7[].pbs', { job_state: state }) + tasks, ['7[].pbs']).map(({ id, task, phase }) => [
      id,
      task,
      phase,
    ]);
  const some = [
    ['7[].pbs', '1', 'Ended'],
    ['7[].pbs', '12', 'Running'],
  ];
  assert.deepEqual(read('B'), [['7[].pbs', undefined, 'Running'], ...some]);
  assert.deepEqual(read('F'), some);
});

test('what PBS does not know, or keeps no history of, is not an error; anything else is', () => {
  assert.deepEqual(accountOf('qstat: Unknown Job Id 1.pbs\n', ['1.pbs'], 153), []);
  assert.throws(() =>
    accountOf('Connection refused\nqstat: cannot connect to server pbs (errno=111)\n', ['1.pbs'], 255),
  );
});

test('a request becomes the words of qsub', () => {
  const request = { name: 'x', script: '', array: '1-4', dependency: 'afterok:3.pbs', requeue: false, account: 'a' };
  const files = { folder: '/home/u/.fermata/hpc/m', jobName: 'x-m', mark: 'm' };
  assert.deepEqual(
    PBS.submitCommand({ ...request, nodes: 2, tasks: 8, cpusPerTask: 4, memoryMebibytes: 4096, gpus: 1 }, files),
    [
      ...['qsub', '-N', 'x-m', '-S', '/bin/bash', '-j', 'oe', '-o', '/home/u/.fermata/hpc/m/pbs.out'],
      ...['-l', 'select=2:ncpus=16:mpiprocs=4:mem=4096mb:ngpus=1', '-A', 'a', '-J', '1-4'],
      ...['-W', 'depend=afterok:3.pbs', '-r', 'n'],
    ],
  );
  const words = PBS.submitCommand(
    { name: 'x', script: '', walltimeSeconds: 90_061, partition: 'q', reservation: 'R7' },
    files,
  );
  assert.deepEqual(words.slice(9), ['-l', 'walltime=25:01:01', '-q', 'R7']);
});

test('the id is taken from what qsub prints, and nothing else is', () => {
  const id = (text: string) => execFileSync('sed', ['-n', PBS.idFromSubmit], { input: text, encoding: 'utf8' }).trim();
  assert.equal(id('qsub: waiting\n12.pbs01.site.org\n'), '12.pbs01.site.org');
  assert.equal(id('12[].pbs01\n'), '12[].pbs01');
  assert.equal(id('qsub: Unknown queue\n'), '');
});
