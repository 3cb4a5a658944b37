import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JobEnd, JobReport } from './job.ts';
import { type Findings, verdictOf } from './verdict.ts';

const running: JobReport = { id: '7', phase: 'Running', native: 'RUNNING', nodes: 'n1' };
const over: JobReport = { id: '7', phase: 'Ended', native: 'FAILED' };
const accounted = (end: JobEnd): JobReport => ({ ...over, end });
const nothing: Findings = { tasks: [undefined], listed: [], isListKnown: true, statusFiles: [] };

const CASES: [string, Partial<Findings>, string][] = [
  ['what is in the list goes on', { listed: [running] }, 'Active Running'],
  ['a list older than the submit says nothing of a job that is not in it', { isListKnown: false }, 'Active Pending'],
  ['a job that left the list is asked for in accounting', {}, 'AskAccounting'],
  [
    'a job whose program has ended is asked for though it is in the list',
    { listed: [running], statusFiles: [{ ended: 0 }] },
    'AskAccounting',
  ],
  [
    'accounting has the last word',
    { accounted: [accounted({ kind: 'DeadlineExceeded' })], statusFiles: [{ ended: 143 }] },
    'Ended DeadlineExceeded',
  ],
  [
    'a job that accounting still has running is not over though its program is',
    { listed: [running], accounted: [running], statusFiles: [{ ended: 143 }] },
    'Active Running',
  ],
  ['without accounting the job’s own word counts', { accounted: [], statusFiles: [{ ended: 3 }] }, 'Ended Exited'],
  ['a signal in the job’s own word is a signal', { accounted: [], statusFiles: [{ ended: 139 }] }, 'Ended Signalled'],
  [
    'the own word of a job that may still be in the queue does not count',
    { isListKnown: false, accounted: [], statusFiles: [{ ended: 3 }] },
    'Unknown',
  ],
  ['a job that nobody knows of is never guessed at', { accounted: [], statusFiles: [{}] }, 'Unknown'],
  [
    'a requeued job waits again',
    { listed: [{ ...running, phase: 'Pending', native: 'PENDING' }], accounted: [] },
    'Active Pending',
  ],
];

for (const [name, findings, expected] of CASES) {
  test(name, () => {
    const verdict = verdictOf({ ...nothing, ...findings });
    const detail =
      verdict.kind === 'Active' ? ` ${verdict.phase}` : verdict.kind === 'Ended' ? ` ${verdict.ends[0]?.kind}` : '';
    assert.equal(verdict.kind + detail, expected);
  });
}

test('an array is over when each of its tasks is, whoever says so', () => {
  const findings: Findings = {
    tasks: ['1', '2', '3'],
    listed: [],
    isListKnown: true,
    accounted: [{ ...accounted({ kind: 'OutOfMemory' }), task: '2' }],
    statusFiles: [{ task: '1', ended: 0 }, { task: '2' }, { task: '3', ended: 5 }],
  };
  assert.deepEqual(verdictOf(findings), {
    kind: 'Ended',
    ends: [{ kind: 'Exited', exitCode: 0 }, { kind: 'OutOfMemory' }, { kind: 'Exited', exitCode: 5 }],
  });
  assert.equal(verdictOf({ ...findings, statusFiles: [{ task: '1', ended: 0 }] }).kind, 'Unknown');
});

test('no end is told while the list or accounting has a task that goes on and accounting has no end for it', () => {
  const phase = fc.constantFrom('Pending', 'Running', 'Suspended', 'Ended');
  const report = fc.record({ task: fc.constantFrom('1', '2'), phase, hasEnd: fc.boolean() });
  const reports = fc.array(report, { maxLength: 3 }).map((some) =>
    some.map(
      ({ task, phase: one, hasEnd }): JobReport => ({
        id: '7',
        task,
        phase: one as JobReport['phase'],
        native: '',
        ...(one === 'Ended' && hasEnd ? { end: { kind: 'Exited', exitCode: 0 } } : {}),
      }),
    ),
  );
  const statusFiles = fc.array(fc.record({ task: fc.constantFrom('1', '2'), ended: fc.nat(3) }), { maxLength: 2 });
  fc.assert(
    fc.property(reports, reports, statusFiles, fc.boolean(), (listed, known, files, isListKnown) => {
      const verdict = verdictOf({ tasks: ['1', '2'], listed, isListKnown, accounted: known, statusFiles: files });
      if (verdict.kind !== 'Ended') return;
      for (const task of ['1', '2']) {
        const last = known.filter((one) => one.task === task).at(-1);
        const goesOn = [...listed, ...known].some((one) => one.phase !== 'Ended');
        assert.ok(last?.end !== undefined || !goesOn);
        assert.ok(last?.end !== undefined || files.some((file) => file.task === task));
      }
    }),
  );
});
