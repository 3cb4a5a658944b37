import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitStatusOf } from '../exit-status.ts';
import { directiveWords, inVersion, restOptions } from './options.ts';
import { type RestJob, type RestRecord, reportsOfJobs, reportsOfRecords } from './reports.ts';
import { readToken, tokenHeaders } from './token.ts';

const job = (
  state: RestJob['job_state'],
  exit_code: NonNullable<RestJob['exit_code']> | null,
  more: Partial<RestJob> = {},
): RestJob => ({
  job_id: 12,
  job_state: state,
  exit_code,
  array_job_id: 0,
  het_job_id: 0,
  nodes: 'n1',
  state_reason: 'None',
  ...more,
});

/** As 22.05 writes them (v0.0.38), then as newer ones do. */
const JOBS: [string, RestJob, string, number | undefined][] = [
  ['waits', job('PENDING', 0, { nodes: '' }), 'Pending', undefined],
  ['exited with 3', job('FAILED', 768), 'Ended', 3],
  ['was killed', job('FAILED', 9), 'Ended', 137],
  ['reached its limit', job('TIMEOUT', 36_608), 'Ended', 124],
  ['succeeded', job('COMPLETED', 0), 'Ended', 0],
  ['is requeued, as v0.0.40 has it', job(['PENDING', 'REQUEUED'], null), 'Pending', undefined],
  ['is ending, as v0.0.40 has it', job(['COMPLETED', 'COMPLETING'], null), 'Running', undefined],
  [
    'exited with 3, as v0.0.40 has it',
    job(['FAILED'], {
      return_code: { set: true, infinite: false, number: 3 },
      signal: { id: { set: false, number: 0 } },
    }),
    'Ended',
    3,
  ],
  [
    'was killed, as v0.0.40 has it',
    job(['FAILED'], { return_code: { set: true, number: 0 }, signal: { id: { set: true, number: 9 } } }),
    'Ended',
    137,
  ],
];
for (const [what, one, phase, status] of JOBS) {
  test(`a job of the REST interface that ${what} is ${phase}`, () => {
    const [report] = reportsOfJobs([one]);
    assert.equal(report?.phase, phase);
    assert.equal(report?.end === undefined ? undefined : exitStatusOf(report.end), status);
  });
}

test('tasks share the id of their array, and of a heterogeneous job the first component speaks', () => {
  const reports = reportsOfJobs([
    job('FAILED', 256, { job_id: 6, array_job_id: 2, array_task_id: 1 }),
    job('PENDING', 0, { job_id: 2, array_job_id: 2, array_task_id: null, array_task_string: '2-3' }),
    job('RUNNING', 0, { job_id: 4, het_job_id: 4, het_job_offset: 0 }),
    job('RUNNING', 0, { job_id: 5, het_job_id: 4, het_job_offset: 1 }),
  ]);
  assert.deepEqual(
    reports.map(({ id, task }) => [id, task]),
    [
      ['2', '1'],
      ['2', '2-3'],
      ['4', undefined],
    ],
  );
});

test('accounting that calls a failure exit code 0 is not believed', () => {
  const record = (current: string, return_code: number): RestRecord => ({
    job_id: 1,
    array: { job_id: 0, task_id: null },
    state: { current },
    exit_code: { return_code },
  });
  const ends = reportsOfRecords([record('FAILED', 0), record('FAILED', 3), record('COMPLETED', 0)]).map(
    ({ end }) => end,
  );
  assert.deepEqual(ends, [undefined, { kind: 'Exited', exitCode: 3 }, { kind: 'Exited', exitCode: 0 }]);
});

test('#SBATCH lines and words of sbatch become fields; a later one wins', () => {
  const words = ['#SBATCH -p gpu --time=1:30:00 # an hour and a half', "#SBATCH --constraint='a&b' -N2-4"].flatMap(
    directiveWords,
  );
  assert.deepEqual(restOptions([...words, '--partition', 'cpu', '--mem=4G', '-c8', '--exclusive', '--no-requeue']), {
    partition: 'cpu',
    time_limit: 90,
    constraints: 'a&b',
    nodes: [2, 4],
    memory_per_node: 4096,
    cpus_per_task: 8,
    exclusive: 'true',
    requeue: false,
  });
});

test('an option that has no counterpart is refused, not forgotten', () => {
  for (const words of [
    ['--burst-buffer=x'],
    ['-x', 'n1'],
    ['--hold=1'],
    ['--nodes=many'],
    ['--mem=lots'],
    ['--time'],
  ]) {
    assert.throws(() => restOptions(words), { code: 'InvalidJobRequest' }, words.join(' '));
  }
});

test('newer versions have their own words for the same', () => {
  const fields = {
    nodes: [2, 4] as [number, number],
    time_limit: 90,
    gres: 'gpu:1',
    environment: { A: 'b c' },
    name: 'x',
  };
  assert.deepEqual(inVersion(fields, 38), fields);
  assert.deepEqual(inVersion(fields, 41), {
    name: 'x',
    environment: ['A=b c'],
    minimum_nodes: 2,
    maximum_nodes: 4,
    tres_per_node: 'gres/gpu:1',
    time_limit: { set: true, number: 90 },
  });
});

const token = (claims: object): string => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;

test('a token tells its user and its end; an expired one is refused here, in words', () => {
  assert.deepEqual(readToken(token({ exp: 2, sun: 'alice' })), { user: 'alice', expires: 2000 });
  assert.equal(tokenHeaders(token({ exp: 2, sun: 'alice' }), undefined, 1999)['x-slurm-user-name'], 'alice');
  assert.equal(tokenHeaders(token({ sun: 'alice' }), 'bob', 0)['x-slurm-user-name'], 'bob');
  assert.throws(() => tokenHeaders(token({ exp: 2, sun: 'alice' }), undefined, 2000), {
    code: 'SiteRefused',
    message: /has expired at 1970-01-01T00:00:02.000Z/,
  });
  assert.throws(() => tokenHeaders(token({ exp: 2 }), undefined, 0), { code: 'SiteRefused', message: /names no user/ });
  assert.throws(() => readToken('no token'), { code: 'SiteRefused' });
});
