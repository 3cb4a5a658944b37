import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRID_ENGINE } from './gridengine.ts';

/** As qstat of 8.1.9 prints it. */
const QSTAT = `job-ID  prior   name       user         state submit/start at     queue                          slots ja-task-ID
-----------------------------------------------------------------------------------------------------------------
      1 0.55500 sleep-0123 hpc          r     11/22/2026 12:00:00 all.q@node1                        1
      2 0.00000 sleep-0124 hpc          hqw   11/22/2026 12:00:00                                    1
      3 0.55500 sleep-0125 hpc          Eqw   11/22/2026 12:00:00                                    2 3-7:1
      4 0.55500 sleep-0126 hpc          S     11/22/2026 12:00:00 all.q@node2                        1 2
      5 0.55500 sleep-0127 hpc          Rq    11/22/2026 12:00:00                                    1
`;

test('the lines of qstat become jobs, the header does not', () => {
  assert.deepEqual(
    GRID_ENGINE.readList(QSTAT).map(({ id, task, phase, reason, nodes }) => [id, task, phase, nodes, reason]),
    [
      ['1', undefined, 'Running', 'node1', undefined],
      ['2', undefined, 'Pending', undefined, 'held'],
      ['3', '3-7', 'Pending', undefined, 'in error (see: fermata hpc describe)'],
      ['4', '2', 'Suspended', 'node2', undefined],
      ['5', undefined, 'Pending', undefined, undefined],
    ],
  );
});

const PHASES: [string, string | undefined][] = [
  ...['qw', 'hqw', 'hRwq', 'Eqw', 'Ehqw', 'EhRqw', 'Rq'].map((state): [string, string] => [state, 'Pending']),
  ...['r', 't', 'Rr', 'Rt', 'hr', 'dr', 'dt', 'dRr', 'dRt'].map((state): [string, string] => [state, 'Running']),
  ...['s', 'ts', 'S', 'tS', 'T', 'tT', 'Rs', 'Rts', 'RS', 'RT', 'ds', 'dS', 'dT', 'dRs'].map(
    (state): [string, string] => [state, 'Suspended'],
  ),
  ['zz', undefined],
];
for (const [state, phase] of PHASES) {
  test(`Grid Engine's ${state} is ${phase ?? 'not guessed at'}`, () => {
    const line = `      1 0.55500 sleep-0123 hpc          ${state.padEnd(5)} 11/22/2026 12:00:00 all.q@node1  1`;
    assert.equal(GRID_ENGINE.readList(line)[0]?.phase, phase);
  });
}

const record = (failed: string, exitStatus: string, task = 'undefined'): string =>
  `==============================================================
qname        all.q
hostname     node1
jobnumber    7
taskid       ${task}
failed       ${failed}
exit_status  ${exitStatus}
`;

const ENDS: [string, string, object][] = [
  ['0', '3', { kind: 'Exited', exitCode: 3 }],
  ['100 : assumedly after job', '137                  (Killed)', { kind: 'Signalled', signal: 9 }],
  ['37  : qmaster enforced h_rt, h_cpu, or h_vmem limit', '137', { kind: 'DeadlineExceeded' }],
  ['1   : assumedly before job', '0', { kind: 'NodeFailure' }],
];

for (const [failed, exitStatus, end] of ENDS) {
  test(`Grid Engine's "failed ${failed}" with ${exitStatus} is ${JSON.stringify(end)}`, () => {
    assert.deepEqual(GRID_ENGINE.readAccount(record(failed, exitStatus))[0]?.end, end);
  });
}

test('of a job that was run twice the last record counts, and tasks are told apart', () => {
  const text = record('0', '1', '1') + record('0', '2', '2') + record('0', '0', '1');
  assert.deepEqual(
    GRID_ENGINE.readAccount(text).map(({ task, end }) => [task, end]),
    [
      ['1', { kind: 'Exited', exitCode: 0 }],
      ['2', { kind: 'Exited', exitCode: 2 }],
    ],
  );
});
