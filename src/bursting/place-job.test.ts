import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDownwardApi, requestOfPod } from '../hpc/index.ts';
import type { Node } from '../model/index.ts';
import type { core, Job } from './job.ts';
import { placeJob } from './place-job.ts';

const SETTINGS = { image: 'fermata:1', host: 'login', secret: 'hpc-ssh' };
const PROGRAM: core.Container = {
  name: 'solver',
  image: 'registry.example/solver:2',
  command: ['/bin/solve', '$(MODE)'],
  args: ['--out', 'result', '$$(MODE)', '$(OTHER)'],
  resources: { requests: { cpu: '1500m', memory: '4Gi' }, limits: { 'nvidia.com/gpu': '2' } },
};

function job(placement: string, container: Partial<core.Container> = {}, spec: Partial<Job['spec']> = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'simulation',
      namespace: 'team',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'fermata.dev/hpc': placement },
      annotations: {
        'hpc.fermata.dev/partition': 'gpu',
        'hpc.fermata.dev/host': 'other',
        'hpc.fermata.dev/scheduler': 'slurm',
        unrelated: 'x',
      },
    },
    spec: {
      template: { spec: { restartPolicy: 'Never', containers: [{ ...PROGRAM, ...container }] } },
      ...spec,
    },
  };
}

function node(cpu: string, gpus: string): Node {
  const metadata = { name: cpu, uid: cpu, resourceVersion: '1', creationTimestamp: '' };
  const allocatable = { cpu, memory: '64Gi', pods: '110', 'nvidia.com/gpu': gpus };
  return { apiVersion: 'v1', kind: 'Node', metadata, status: { allocatable } };
}

function goneOut(of: Job): {
  spec: core.PodSpec;
  container: core.Container;
  annotations: Record<string, string>;
  job: Job['spec'];
} {
  const placement = placeJob(of, [], SETTINGS);
  if (placement.kind !== 'GoesOut') assert.fail(JSON.stringify(placement));
  const { spec, metadata } = placement.spec.template;
  const [container] = spec?.containers ?? [];
  if (spec === undefined || container === undefined) assert.fail('there is no container');
  return { spec, container, annotations: metadata?.annotations ?? {}, job: placement.spec };
}

test('a Job that must go out is a connector with the program’s command, image and resources', () => {
  const { spec, container, annotations, job: rewritten } = goneOut(job('must', {}, { activeDeadlineSeconds: 3600 }));
  assert.deepEqual(container.args, [
    ...['hpc', 'run', '--host', 'other', '--ssh-config', '/etc/hpc-ssh/config', '--scheduler', 'slurm'],
    ...['--', '/bin/solve', '$(MODE)', '--out', 'result', '$$(MODE)', '$(OTHER)'],
  ]);
  assert.equal(container.image, 'fermata:1');
  assert.deepEqual(spec.volumes?.[0]?.secret, { secretName: 'hpc-ssh', defaultMode: 0o440 });
  // What the connector makes of the annotations, read as it reads them.
  const written = Object.entries(annotations).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  assert.deepEqual(requestOfPod({ annotations: readDownwardApi(written.join('\n')) }), {
    partition: 'gpu',
    cpusPerTask: 2,
    memoryMebibytes: 4096,
    gpus: 2,
    walltimeSeconds: 3600,
    image: 'docker://registry.example/solver:2',
  });
  assert.equal(spec.automountServiceAccountToken, false);
  assert.deepEqual(
    rewritten.podFailurePolicy?.rules.map(({ action }) => action),
    ['Ignore', 'FailJob'],
  );
});

test('variables reach the program under their names, wherever their values come from, and mean nothing to the connector', () => {
  const secret = { secretKeyRef: { name: 's', key: 'k' } };
  const env = [
    { name: 'NODE_OPTIONS', value: '--evil' },
    { name: 'MODE', value: 'a $(NODE_OPTIONS) $(LATER)' },
    { name: 'KEY', valueFrom: secret },
  ];
  const { container } = goneOut(job('must', { env }));
  assert.deepEqual(container.env?.slice(2), [
    { name: 'FERMATA_HPC_ENV_0', value: '--evil' },
    { name: 'FERMATA_HPC_ENV_1', value: 'a $(FERMATA_HPC_ENV_0) $(LATER)' },
    { name: 'FERMATA_HPC_ENV_2', valueFrom: secret },
  ]);
  const args = container.args ?? [];
  assert.ok(args.join(' ').includes('--env MODE=$(FERMATA_HPC_ENV_1) --env KEY=$(FERMATA_HPC_ENV_2) --'));
  assert.ok(args.join(' ').endsWith('/bin/solve $(FERMATA_HPC_ENV_1) --out result $$(MODE) $(OTHER)'));
});

test('what its owner annotates wins over what the container asks for, and the image may be none', () => {
  const annotated = job('must');
  annotated.spec.template.metadata = {
    annotations: {
      'hpc.fermata.dev/cpus-per-task': '8',
      'hpc.fermata.dev/image': 'none',
      'hpc.fermata.dev/partition': 'big',
      'hpc.fermata.dev/secret': 'mine',
    },
  };
  const { annotations, spec } = goneOut(annotated);
  assert.equal(annotations['hpc.fermata.dev/cpus-per-task'], '8');
  assert.equal(annotations['hpc.fermata.dev/partition'], 'big');
  assert.equal(annotations['hpc.fermata.dev/image'], undefined);
  assert.equal(annotations['hpc.fermata.dev/secret'], undefined);
  assert.equal(spec.volumes?.[0]?.secret?.secretName, 'mine');
});

test('volumes whose files are staged stay with the connector, a token that was mounted does not', () => {
  const staged = job('must', {
    workingDir: '/data',
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ],
  });
  const volumes = [{ name: 'data' }, { name: 'kube-api-access-x' }, { name: 'unused' }];
  staged.spec.template.spec = {
    ...staged.spec.template.spec,
    containers: staged.spec.template.spec?.containers ?? [],
    volumes,
  };
  staged.metadata.annotations = { 'hpc.fermata.dev/stage-in': 'in  more', 'hpc.fermata.dev/stage-out': 'out/*' };
  const { container, spec } = goneOut(staged);
  assert.ok(container.args?.join(' ').includes('--stage-in in --stage-in more --stage-out out/* --'));
  assert.equal(container.workingDir, '/data');
  assert.deepEqual(spec.volumes?.slice(3), [{ name: 'data' }]);
  assert.deepEqual(container.volumeMounts?.slice(3), [{ name: 'data', mountPath: '/data' }]);
});

const REFUSED: [string, Job, RegExp][] = [
  ['a placement that does not exist', job('maybe'), /"maybe"; it takes can, must, overflow/],
  ['an image whose command is not known', job('must', { command: [] }), /names no command/],
  ['volumes that are not there', job('must', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }), /not there \(\/v\)/],
  ['variables that cannot be named', job('must', { envFrom: [{ prefix: 'A' }] }), /envFrom/],
  ['pods that cannot be told apart', job('must', {}, { parallelism: 2 }), /completionMode: Indexed/],
  [
    'an annotation that is not known',
    { ...job('must'), metadata: { ...job('must').metadata, annotations: { 'hpc.fermata.dev/partitoin': 'x' } } },
    /partitoin is unknown/,
  ],
  [
    'a batch system that is not known',
    { ...job('must'), metadata: { ...job('must').metadata, annotations: { 'hpc.fermata.dev/scheduler': 'lsf' } } },
    /"lsf"; it takes slurm, gridengine, pbs/,
  ],
];
for (const [what, refused, reason] of REFUSED) {
  test(`a Job that must go out is refused for ${what}`, () => {
    const placement = placeJob(refused, [], SETTINGS);
    assert.ok(placement.kind === 'Refused');
    assert.match(placement.reason, reason);
  });
}

test('a Job that can go out does when no node is large enough, and then only', () => {
  assert.deepEqual(placeJob(job('can'), [node('1', '8'), node('8', '2')], SETTINGS), { kind: 'Stays' });
  assert.equal(placeJob(job('can'), [node('1', '8'), node('8', '1')], SETTINGS).kind, 'GoesOut');
  const placement = placeJob(job('can', { command: [] }), [], SETTINGS);
  assert.ok(placement.kind === 'Stays');
  assert.match(placement.warning ?? '', /names no command/);
});

test('a Job that may overflow keeps its program; its pods bear the label, and one that makes way is no failure', () => {
  const own = { action: 'Count', onExitCodes: { operator: 'In', values: [3] } };
  const placement = placeJob(job('overflow', {}, { podFailurePolicy: { rules: [own] } }), [], SETTINGS);
  assert.ok(placement.kind === 'MayOverflow');
  assert.deepEqual(placement.spec.template.spec?.containers, [PROGRAM]);
  assert.deepEqual(placement.spec.template.metadata?.labels, { 'fermata.dev/hpc': 'overflow' });
  assert.deepEqual(
    placement.spec.podFailurePolicy?.rules.map(({ action }) => action),
    ['Ignore', 'Count'],
  );
  const onFailure = job('overflow');
  onFailure.spec.template.spec = { containers: [PROGRAM], restartPolicy: 'OnFailure' };
  const stays = placeJob(onFailure, [], SETTINGS);
  assert.ok(stays.kind === 'Stays');
  assert.match(stays.warning ?? '', /restartPolicy is not Never/);
});
