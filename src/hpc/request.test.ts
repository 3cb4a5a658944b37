import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { arrayTasks } from './array-tasks.ts';
import { batchScript, directives } from './batch-script.ts';
import { worstEnd } from './exit-status.ts';
import { findGarbage, type KeptJob } from './garbage.ts';
import { GRID_ENGINE } from './gridengine.ts';
import { jobNameOf, markOf } from './mark.ts';
import { PBS } from './pbs.ts';
import { jobComponent, readDownwardApi, requestOfPod, walltimeSeconds } from './resources.ts';
import { quoteWord } from './shell-words.ts';
import { SLURM } from './slurm.ts';

test('a quoted word is that word to a shell, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes('\0')),
      (text) => {
        assert.equal(execFileSync('sh', ['-c', `printf %s ${quoteWord(text)}`], { encoding: 'utf8' }), text);
      },
    ),
    { numRuns: 30 },
  );
});

test('walltimes are read as sbatch and as Kubernetes write them', () => {
  const cases: [string, number][] = [
    ['90', 5400],
    ['1:30:00', 5400],
    ['90:30', 5430],
    ['2-12:00:00', 216_000],
    ['1-00:30', 88_200],
    ['36h', 129_600],
    ['1h30m', 5400],
  ];
  for (const [text, seconds] of cases) assert.equal(walltimeSeconds(text), seconds, text);
  for (const wrong of ['', '0', 'soon', '-5', '1:2:3:4']) {
    assert.throws(
      () => walltimeSeconds(wrong),
      { code: wrong === 'soon' ? /DurationInvalid|InvalidJobRequest/ : 'InvalidJobRequest' },
      wrong,
    );
  }
});

test('the tasks of an array are counted as the batch systems count them', () => {
  assert.deepEqual(arrayTasks('1-3'), ['1', '2', '3']);
  assert.deepEqual(arrayTasks('1-9:4%2'), ['1', '5', '9']);
  assert.deepEqual(arrayTasks('7,1-2,2'), ['7', '1', '2']);
  for (const wrong of ['', 'a', '5-1', '1-9:0', '1%2%3']) {
    assert.throws(() => arrayTasks(wrong), { code: 'InvalidJobRequest' }, wrong);
  }
});

test('resources and annotations of a pod become a request, annotations before resources', () => {
  const annotations = readDownwardApi(
    'hpc.fermata.dev/partition="gpu"\nhpc.fermata.dev/cpus-per-task="8"\nhpc.fermata.dev/modules="gcc openmpi/4"\nother="\\x3c"\n',
  );
  assert.equal(annotations.other, '<');
  assert.deepEqual(requestOfPod({ resources: { cpu: '2500m', memory: '1Gi', gpus: '1' }, annotations }), {
    cpusPerTask: 8,
    memoryMebibytes: 1024,
    gpus: 1,
    partition: 'gpu',
    modules: ['gcc', 'openmpi/4'],
  });
  assert.throws(() => requestOfPod({ annotations: { 'hpc.fermata.dev/partitoin': 'gpu' } }), {
    code: 'InvalidJobRequest',
    message: /partitoin is unknown/,
  });
});

test('components of a heterogeneous job are read from flags and annotations, in each system’s words', () => {
  const annotations = { 'hpc.fermata.dev/components': 'nodes=2, gpus=1; tasks=4,memory=1Gi,partition=big' };
  const { components } = requestOfPod({ annotations });
  assert.deepEqual(components, [
    { nodes: 2, gpus: 1 },
    { tasks: 4, memoryMebibytes: 1024, partition: 'big' },
  ]);
  for (const wrong of ['', 'nodes', 'nodes=', 'time=5', 'nodes=0']) {
    assert.throws(() => jobComponent(wrong), { code: 'InvalidJobRequest' }, wrong);
  }
  const request = { name: 'x', script: '', cpusPerTask: 2, components: components ?? [] };
  const files = { folder: '/f', jobName: 'x', mark: 'm' };
  assert.deepEqual(SLURM.submitCommand(request, files).slice(7), [
    ...['--cpus-per-task=2', ':', '--nodes=2', '--gres=gpu:1'],
    ...[':', '--ntasks=4', '--mem=1024M', '--partition=big'],
  ]);
  assert.throws(() => PBS.submitCommand(request, files), { code: 'InvalidJobRequest', message: /share one queue/ });
  const same = { ...request, components: [{ nodes: 2, gpus: 1 }] };
  assert.ok(PBS.submitCommand(same, files).includes('select=1:ncpus=2+2:ncpus=1:ngpus=1'));
  assert.throws(() => GRID_ENGINE.submitCommand(same, files), { code: 'InvalidJobRequest' });
});

test('a request becomes the words of Grid Engine’s qsub', () => {
  const words = GRID_ENGINE.submitCommand(
    {
      ...{ name: 'x', script: '', tasks: 2, cpusPerTask: 4, memoryMebibytes: 4096, gpus: 1, walltimeSeconds: 90.5 },
      ...{
        workingDirectory: '/w',
        parallelEnvironment: 'mpi',
        partition: 'all.q',
        account: 'a',
        qualityOfService: 'p',
      },
      ...{ reservation: '7', array: '1-4', dependency: '3', requeue: true, submitOptions: ['-js', '5'] },
    },
    { folder: '/f', jobName: 'x-m', mark: 'm' },
  );
  assert.deepEqual(words.slice(11), [
    ...['-wd', '/w', '-pe', 'mpi', '8', '-l', 'h_rt=91,h_vmem=512M,gpu=1', '-q', 'all.q', '-A', 'a', '-P', 'p'],
    ...['-ar', '7', '-t', '1-4', '-hold_jid', '3', '-r', 'y', '-js', '5'],
  ]);
});

test('directives are taken from the head of a script only', () => {
  const script = '#!/bin/bash\n#SBATCH -p gpu\n# a comment\n\n#SBATCH --time=5\necho\n#SBATCH --mem=1\n';
  assert.deepEqual(directives(SLURM, script), ['#SBATCH -p gpu', '#SBATCH --time=5']);
  assert.deepEqual(directives(GRID_ENGINE, script), []);
});

test('the batch script exports, loads, runs in a container, and is good shell', () => {
  const text = batchScript(
    SLURM,
    {
      name: 'x',
      script: '#!/bin/sh\n',
      arguments: ["it's", 'b'],
      environment: { A: '$HOME' },
      modules: ['gcc'],
      image: 'a.sif',
    },
    '/home/u/my jobs',
  );
  assert.ok(
    text.includes("export A='$HOME'\ntype module >/dev/null 2>&1 || . /etc/profile\nmodule load gcc || exit 126\n"),
  );
  assert.ok(text.includes(`$container exec --bind "$folder" \${gpus:+--nv} a.sif "$folder/script" 'it'\\''s' b &`));
  execFileSync('bash', ['-n'], { input: text });
});

test('a job’s name holds its mark and suits every batch system', () => {
  const mark = markOf('uid/0');
  assert.match(mark, /^[0-9a-f]{12}$/);
  assert.notEqual(mark, markOf('uid/1'));
  assert.equal(jobNameOf('3 blind/mice', mark), `j3-blind-mice-${mark}`);
});

test('an array ends as the worst of its tasks: the program’s own failure before the site’s', () => {
  assert.deepEqual(worstEnd([{ kind: 'Exited', exitCode: 0 }]), { kind: 'Exited', exitCode: 0 });
  assert.deepEqual(
    worstEnd([{ kind: 'Exited', exitCode: 0 }, { kind: 'NodeFailure' }, { kind: 'Exited', exitCode: 4 }]),
    { kind: 'Exited', exitCode: 4 },
  );
});

test('the reaper takes what its cluster no longer has, and nothing that was submitted by hand or elsewhere', () => {
  const job = (id: string, jobUid?: string): KeptJob => ({
    system: 'slurm',
    mark: id,
    jobName: id,
    name: id,
    owner: 'me',
    id,
    modified: 1000,
    ...(jobUid === undefined ? {} : { jobUid }),
  });
  const kept = [job('1', 'gone'), job('2', 'there'), job('3'), job('4', 'gone')];
  const listed = ['1', '2', '3'].map((id) => ({ id, phase: 'Running' as const, native: 'R' }));
  const garbage = findGarbage(kept, listed, new Set(['there']), { now: 5000, olderThan: 4000 });
  assert.deepEqual([garbage.orphans.map(({ id }) => id), garbage.stale.map(({ id }) => id)], [['1'], ['4']]);
  assert.deepEqual(findGarbage(kept, listed, new Set(['there']), { now: 5000, olderThan: 4001 }).stale, []);
});

test('a job that may be checkpointed is warned, requeued, and good shell; other systems refuse it', () => {
  const checkpoint = { criu: '/opt/criu 4/criu', warningSeconds: 90 };
  const request = { name: 'x', script: '#!/bin/sh\n', arguments: ["it's"], checkpoint };
  const files = { folder: '/f', jobName: 'x', mark: 'm' };
  assert.deepEqual(SLURM.submitCommand(request, files).slice(7), ['--signal=B:USR1@90', '--requeue']);
  for (const system of [PBS, GRID_ENGINE]) {
    assert.throws(() => system.submitCommand(request, files), {
      code: 'InvalidJobRequest',
      message: /not checkpointed/,
    });
  }
  const text = batchScript(SLURM, request, '/f');
  assert.ok(text.includes("criu=$(command -v -- '/opt/criu 4/criu')"));
  execFileSync('bash', ['-n'], { input: text });
  assert.deepEqual(requestOfPod({ annotations: { 'hpc.fermata.dev/checkpoint': 'criu' } }).checkpoint, {
    criu: 'criu',
    warningSeconds: 60,
  });
  assert.throws(() => requestOfPod({ annotations: { 'hpc.fermata.dev/checkpoint': 'dmtcp' } }), {
    code: 'InvalidJobRequest',
  });
});
