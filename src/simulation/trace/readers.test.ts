import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { formatOf, TRACE_FORMATS } from './formats.ts';
import { readGoogleTaskEvents } from './google.ts';
import { readKubernetes, readRecording } from './kubernetes.ts';
import { readOpenbNodes, readOpenbPods } from './openb.ts';
import { readPhilly } from './philly.ts';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-traces-'));
});
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const POD_HEADER =
  'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time';

test('openb: pods run from scheduled to deleted, with their part of a GPU', async () => {
  const rows = ['p1,6000,12288,1,460,V100M16|V100M32,LS,Running,100,400,150', 'p0,500,1024,0,0,,BE,Succeeded,50,60,'];
  const { jobs, rejected } = await readOpenbPods(file('openb.csv', gzipSync([POD_HEADER, ...rows].join('\n'))));
  assert.equal(rejected.count, 0);
  assert.deepEqual(jobs, [
    {
      id: 'p0',
      submitSeconds: 50,
      runSeconds: 10,
      processors: 0.5,
      tasks: 1,
      memoryBytes: 1024 ** 3,
      user: 'BE',
      queue: 'BE',
      priority: 0,
    },
    {
      id: 'p1',
      submitSeconds: 100,
      runSeconds: 250,
      processors: 6,
      tasks: 1,
      memoryBytes: 12 * 1024 ** 3,
      gpus: 0.46,
      gpuModel: 'V100M16',
      user: 'LS',
      queue: 'LS',
      priority: 300,
    },
  ]);
});

test('openb: what is wrong with a pod is said', async () => {
  const rows = [
    'a,1000,1,0,0,,LS,Running,5,,0',
    'b,x,1,0,0,,LS,Running,5,9,0',
    'c,0,1,0,0,,LS,Running,5,9,0',
    'd,1000',
  ];
  const { rejected } = await readOpenbPods(file('openb.csv', [POD_HEADER, ...rows].join('\n')));
  assert.deepEqual(rejected.first, [
    { line: 2, reason: 'no time of deletion' },
    { line: 3, reason: 'not a number' },
    { line: 4, reason: 'no processors' },
    { line: 5, reason: 'fewer than 11 fields' },
  ]);
});

test('openb: nodes', async () => {
  const { nodes } = await readOpenbNodes(file('nodes.csv', 'sn,cpu_milli,memory_mib,gpu,model\nn1,32000,1024,2,T4\n'));
  assert.deepEqual(nodes, [
    { name: 'n1', cpuMillicores: 32_000, memoryBytes: 1024 ** 3, gpuMillis: 2_000, gpuModel: 'T4' },
  ]);
});

test('a table without the columns of its format is refused, not read as something else', async () => {
  await assert.rejects(readPhilly(file('x.csv', 'a,b\n1,2\n')), {
    code: 'TraceColumnsMissing',
    message: /timestamp, duration, num_gpus/,
  });
  await assert.rejects(readPhilly(file('empty.csv', '')), { code: 'TraceColumnsMissing' });
});

test('philly: jobs in order of time, their GPUs as processors', async () => {
  const rows = [
    '2017-10-09 07:01:55,66.0,4,264.0,11cb48',
    '2017-10-09 07:00:55,10.0,1,10,ab',
    'soon,1,1,1,x',
    '2017-10-09 07:01:55,1,0,0,x',
  ];
  const { jobs, rejected } = await readPhilly(
    file('p.csv', ['timestamp,duration,num_gpus,gpu_time,cluster', ...rows].join('\n')),
  );
  assert.deepEqual(
    jobs.map(({ submitSeconds, runSeconds, processors, user }) => [submitSeconds, runSeconds, processors, user]),
    [
      [0, 10, 1, 'ab'],
      [60, 66, 4, '11cb48'],
    ],
  );
  assert.deepEqual(
    rejected.first.map(({ line }) => line),
    [4, 5],
  );
});

test('google: a task is a job from its last scheduling to its end; what has no end is said', async () => {
  const line = (seconds: number, task: number, event: number) =>
    `${seconds * 1e6},,7,${task},,${event},me,2,9,0.5,0.25,0,`;
  const lines = [
    line(1, 0, 0),
    line(3, 0, 1),
    line(5, 0, 2),
    line(9, 0, 1),
    line(19, 0, 4),
    line(20, 1, 0),
    line(21, 2, 4),
    '1,2',
  ];
  const { jobs, rejected } = await readGoogleTaskEvents(file('task_events.csv', lines.join('\n')));
  assert.deepEqual(jobs, [
    {
      id: '7/0',
      submitSeconds: 1,
      runSeconds: 10,
      processors: 16,
      tasks: 1,
      memoryBytes: 32 * 1024 ** 3,
      user: 'me',
      priority: 300,
    },
  ]);
  assert.deepEqual(rejected.byKind, {
    'event of a task that was not submitted': 1,
    'fewer than 11 fields': 1,
    'task has no end in the trace': 1,
  });
});

const NODE = {
  kind: 'Node',
  metadata: { name: 'n', uid: 'n' },
  status: { allocatable: { cpu: '8', memory: '16Gi', 'nvidia.com/gpu': '2' } },
};
function podOf(name: string, status: object, spec: object = {}, metadata: object = {}): object {
  return {
    kind: 'Pod',
    metadata: { name, namespace: 'team', uid: name, creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: {
      containers: [{ name: 'main', resources: { requests: { cpu: '1500m', memory: '2Gi' } } }],
      priority: 7,
      ...spec,
    },
    status,
  };
}
const ENDED = {
  phase: 'Succeeded',
  startTime: '2026-01-01T00:00:10Z',
  containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 0, finishedAt: '2026-01-01T01:00:10Z' } } }],
};

test('kubernetes: what ended ran so long; what runs is taken to be half way; nodes come with it', async () => {
  const items = [
    NODE,
    podOf('ended', ENDED),
    podOf(
      'running',
      { phase: 'Running', startTime: '2026-01-01T00:30:10Z' },
      {},
      { creationTimestamp: '2026-01-01T00:30:00Z' },
    ),
    podOf('pending', { phase: 'Pending' }),
    podOf('odd', ENDED, { containers: [{ name: 'main', resources: { requests: { cpu: 'much' } } }] }),
    podOf('free', ENDED, { containers: [{ name: 'main' }] }),
    { kind: 'Secret', metadata: { name: 's', uid: 's' } },
    null,
  ];
  const { jobs, nodes, rejected } = await readKubernetes(file('s.json', JSON.stringify({ kind: 'List', items })));
  assert.deepEqual(nodes, [{ name: 'n', cpuMillicores: 8_000, memoryBytes: 16 * 1024 ** 3, gpuMillis: 2_000 }]);
  assert.deepEqual(
    jobs.map(({ id, submitSeconds, runSeconds, processors, user, priority }) => [
      id,
      submitSeconds,
      runSeconds,
      processors,
      user,
      priority,
    ]),
    [
      ['ended', 0, 3_600, 1.5, 'team', 7],
      // Half an hour old when the snapshot ends at 01:00:10.
      ['running', 1_800, 3_600, 1.5, 'team', 7],
    ],
  );
  assert.deepEqual(
    rejected.first.map(({ line }) => line).sort((a, b) => a - b),
    [4, 5, 6, 7, 8],
  );
});

test('a recording: a pod that is deleted ran until then; broken lines are reported', async () => {
  const at = Date.parse('2026-01-01T00:00:00Z');
  const running = podOf('gone', { phase: 'Running', startTime: '2026-01-01T00:00:10Z' });
  const lines = [
    JSON.stringify({ at, type: 'PUT', object: NODE }),
    JSON.stringify({ at, type: 'PUT', object: podOf('gone', { phase: 'Pending' }) }),
    JSON.stringify({ at: at + 20_000, type: 'PUT', object: running }),
    JSON.stringify({ at: at + 70_000, type: 'DELETE', object: running }),
    '{"at": 1, "type": "PU',
    '7',
  ];
  const { jobs, nodes, rejected } = await readRecording(file('r.jsonl', lines.join('\n')));
  assert.equal(nodes.length, 1);
  assert.deepEqual(
    jobs.map(({ id, runSeconds }) => [id, runSeconds]),
    [['gone', 60]],
  );
  assert.deepEqual(
    rejected.first.map(({ line }) => line),
    [5, 6],
  );
});

test('no reader crashes on garbage: it reports, or says what is wrong with the file', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.constantFrom(...Object.values(TRACE_FORMATS)),
      async (bytes, read) => {
        try {
          const { jobs, rejected } = await read(file('garbage', bytes));
          assert.ok(jobs.length + rejected.count >= 0);
        } catch (error) {
          assert.match((error as { code?: string }).code ?? '', /^Trace/);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('formats are told by the name of a file', () => {
  const names: Record<string, string> = {
    'SDSC.swf.gz': 'swf',
    'openb_pod_list.csv.gz': 'openb',
    'philly.csv': 'philly',
    'task_events-part.csv': 'google',
    'snapshot.json': 'kubernetes',
    'week.jsonl.gz': 'recording',
  };
  for (const [name, format] of Object.entries(names)) assert.equal(formatOf(`/data/${name}`), format);
});
