import assert from 'node:assert/strict';
import { test } from 'node:test';
import { examine, type PartReport } from './examination.ts';
import { type FakeMachine, fakeProber, WORKING_MACHINE } from './fake-prober.ts';

async function parts(machine: FakeMachine): Promise<Map<string, PartReport>> {
  const { parts: found } = await examine(fakeProber(machine));
  return new Map(found.map((part) => [part.part, part]));
}

test('on a machine in order every part works, and only the kubectl that nothing needs is missing', async () => {
  const found = await parts(WORKING_MACHINE);
  const notWorking = [...found.values()].filter((part) => part.status !== 'works').map((part) => part.part);
  assert.deepEqual(notWorking, ['kubectl']);
  assert.match(found.get('criu')?.detail ?? '', /looks good/);
});

const FINDINGS: Readonly<
  Record<string, { machine: FakeMachine; part: string; status: PartReport['status']; detail: RegExp; fix: boolean }>
> = {
  'a missing criu, with how to get it': {
    machine: { ...WORKING_MACHINE, programs: { podman: '/usr/bin/podman' } },
    part: 'criu',
    status: 'fails',
    detail: /^criu is not installed$/,
    fix: true,
  },
  'a kernel without soft-dirty as harmless': {
    machine: {
      ...WORKING_MACHINE,
      answers: { ...WORKING_MACHINE.answers, '/usr/sbin/criu check --feature mem_dirty_track': { status: 1 } },
    },
    part: 'CRIU features',
    status: 'works',
    detail: /without mem_dirty_track \(.*harmless\)/,
    fix: false,
  },
  'a pod network without its plugin': {
    machine: { ...WORKING_MACHINE, executables: [] },
    part: 'pod network',
    status: 'fails',
    detail: /missing: netavark$/,
    fix: true,
  },
  'a full disk': {
    machine: { ...WORKING_MACHINE, freeBytes: 2 ** 30 },
    part: 'disk space',
    status: 'fails',
    detail: /^1\.0 GiB free/,
    fix: true,
  },
  'the hybrid cgroup layout': {
    machine: { ...WORKING_MACHINE, directories: { '/sys/fs/cgroup': ['cpu', 'memory', 'unified'] } },
    part: 'cgroups',
    status: 'works',
    detail: /cgroup/,
    fix: false,
  },
  'no cgroups': {
    machine: { ...WORKING_MACHINE, directories: {} },
    part: 'cgroups',
    status: 'fails',
    detail: /no control groups/,
    fix: true,
  },
  'a user who is not root': {
    machine: { ...WORKING_MACHINE, root: false },
    part: 'root',
    status: 'fails',
    detail: /root only/,
    fix: true,
  },
};

for (const [sentence, { machine, part, status, detail, fix }] of Object.entries(FINDINGS)) {
  test(`the doctor reports ${sentence}`, async () => {
    const found = (await parts(machine)).get(part);
    assert.equal(found?.status, status);
    assert.match(found?.detail ?? '', detail);
    assert.equal(found?.fix !== undefined, fix);
  });
}

test('nothing that only the podman runtime needs is required', async () => {
  const found = await parts({ platform: 'darwin', root: false });
  const required = [...found.values()].filter((part) => part.required);
  assert.deepEqual(
    required.map((part) => [part.part, part.status]),
    [
      ['node', 'works'],
      ['npm packages', 'works'],
    ],
  );
});
