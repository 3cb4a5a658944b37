import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '../../model/index.ts';
import { memoryLimitOf, outputOf, programOf } from './program.ts';

function pod(annotations: Record<string, string> = {}): Pod {
  const metadata = { name: 'p', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
}

test('a container of which nothing is said runs forever, a step a second', () => {
  assert.deepEqual(programOf(pod(), {}), {
    steps: 0,
    stepMilliseconds: 1_000,
    memoryBytes: 1_048_576,
    growthBytes: 0,
    exitCode: 0,
    ignoreTerm: false,
  });
});

test('the environment decides, else the annotations of the pod', () => {
  const annotated = pod({
    'fermata.dev/steps': '5',
    'fermata.dev/step-milliseconds': '20',
    'fermata.dev/exit-code': '2',
  });
  const program = programOf(annotated, { FERMATA_STEPS: '9', FERMATA_MEMORY_MIB: '0.5', FERMATA_IGNORE_TERM: '1' });
  assert.deepEqual(program, {
    steps: 9,
    stepMilliseconds: 20,
    memoryBytes: 524_288,
    growthBytes: 0,
    exitCode: 2,
    ignoreTerm: true,
  });
});

test('settings that are no numbers, or none that can be, count as not given or as the least', () => {
  const program = programOf(pod(), { FERMATA_STEPS: 'many', FERMATA_STEP_MILLISECONDS: '0', FERMATA_MEMORY_MIB: '-3' });
  assert.deepEqual([program.steps, program.stepMilliseconds, program.memoryBytes], [0, 1, 0]);
});

test('a memory limit is read as Kubernetes writes it', () => {
  assert.equal(memoryLimitOf({ name: 'c', resources: { limits: { memory: '64Mi' } } }), 67_108_864);
  assert.equal(memoryLimitOf({ name: 'c' }), undefined);
});

const mounts: Record<string, { container: Partial<Container>; output: string; want: ReturnType<typeof outputOf> }> = {
  'is on the host where its volume is': {
    container: { volumeMounts: [{ name: 'a', mountPath: '/work' }] },
    output: '/work/deep/steps',
    want: { name: '/host/a/deep/steps', onVolume: true },
  },
  'is on the innermost of several volumes': {
    container: {
      volumeMounts: [
        { name: 'a', mountPath: '/work' },
        { name: 'b', mountPath: '/work/deep/', subPath: 'sub' },
      ],
    },
    output: '/work/deep/steps',
    want: { name: '/host/b/sub/steps', onVolume: true },
  },
  'is the container’s own when no volume holds it': {
    container: { volumeMounts: [{ name: 'a', mountPath: '/wor' }] },
    output: '/work/steps',
    want: { name: 'u/c:/work/steps', onVolume: false },
  },
  'is none when none is asked for': { container: {}, output: '', want: undefined },
};

for (const [sentence, { container, output, want }] of Object.entries(mounts)) {
  test(`the output file ${sentence}`, () => {
    const toRun = {
      pod: pod(),
      volumes: { a: '/host/a', b: '/host/b' },
      environment: { c: { FERMATA_OUTPUT: output } },
    };
    assert.deepEqual(outputOf(toRun, { name: 'c', ...container }), want);
  });
}
