import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FakeMachine, fakeProber, WORKING_MACHINE } from './fake-prober.ts';
import { cacheDirectory, locateToolchain } from './toolchain.ts';

const BROKEN_CHECK = {
  status: 1,
  stderr:
    "Warn  (criu/kerndat.c:1285): Can't keep kdat cache\nError (criu/vdso.c:632): vdso: Unexpected rt vDSO area bounds\n",
};
const UNPACKED = '/home/me/.cache/fermata/criu/trixie/bin/criu';

function without(...names: string[]): FakeMachine {
  const programs = Object.entries(WORKING_MACHINE.programs ?? {}).filter(([name]) => !names.includes(name));
  return { ...WORKING_MACHINE, programs: Object.fromEntries(programs) };
}

test('a machine with everything runs real containers', async () => {
  const toolchain = await locateToolchain(fakeProber(WORKING_MACHINE));
  assert.deepEqual(toolchain.problems, []);
  assert.deepEqual(toolchain.runtime, { name: 'podman' });
  assert.deepEqual(toolchain.podman, { path: '/usr/bin/podman', version: '4.3.1' });
  assert.deepEqual(toolchain.runc, { path: '/usr/sbin/runc', version: '1.1.5+ds1' });
  assert.deepEqual(toolchain.criu, {
    path: '/usr/sbin/criu',
    version: '4.1.1',
    binDirectory: '/usr/sbin',
    checkPassed: true,
    origin: 'system',
  });
});

test('a criu whose check fails gives way to an unpacked one that works', async () => {
  const toolchain = await locateToolchain(
    fakeProber({
      ...WORKING_MACHINE,
      answers: {
        ...WORKING_MACHINE.answers,
        '/usr/sbin/criu check': BROKEN_CHECK,
        [`${UNPACKED} --version`]: { stdout: 'Version: 4.1.1\n' },
      },
      directories: { '/home/me/.cache/fermata/criu': ['.unpack.x', 'trixie'] },
      executables: [UNPACKED],
    }),
  );
  assert.equal(toolchain.criu?.path, UNPACKED);
  assert.equal(toolchain.criu?.origin, 'trixie');
  assert.equal(toolchain.criu?.binDirectory, '/home/me/.cache/fermata/criu/trixie/bin');
  assert.equal(toolchain.runtime.name, 'podman');
});

test('a criu that cannot dump sockets on this kernel gives way to a newer one, and serves when there is none', async () => {
  const machine: FakeMachine = { ...WORKING_MACHINE, files: { '/proc/sys/kernel/osrelease': '6.16.1-amd64\n' } };
  const alone = await locateToolchain(fakeProber(machine));
  assert.equal(alone.criu?.origin, 'system');
  assert.match(
    alone.criu?.limitation ?? '',
    /before 4\.2 cannot dump processes with network sockets on Linux 6\.16\.1-amd64/,
  );
  assert.equal(alone.runtime.name, 'podman');
  const both = await locateToolchain(
    fakeProber({
      ...machine,
      answers: { ...WORKING_MACHINE.answers, [`${UNPACKED} --version`]: { stdout: 'Version: 4.2.1\n' } },
      directories: { '/home/me/.cache/fermata/criu': ['trixie'] },
      executables: [UNPACKED],
    }),
  );
  assert.equal(both.criu?.path, UNPACKED);
  assert.equal(both.criu?.limitation, undefined);
});

const UNUSABLE: Readonly<Record<string, { machine: FakeMachine; part: string; problem: RegExp }>> = {
  'criu is missing': { machine: without('criu'), part: 'criu', problem: /criu is not installed/ },
  'criu does not work on this kernel': {
    machine: {
      ...WORKING_MACHINE,
      answers: { ...WORKING_MACHINE.answers, '/usr/sbin/criu check': BROKEN_CHECK },
    },
    part: 'criu',
    problem: /does not work on this kernel: vdso: Unexpected rt vDSO area bounds$/,
  },
  'podman is missing': { machine: without('podman'), part: 'podman', problem: /podman is not installed/ },
  'podman is too old': {
    machine: {
      ...WORKING_MACHINE,
      answers: { ...WORKING_MACHINE.answers, '/usr/bin/podman --version': { stdout: 'podman version 3.4.4' } },
    },
    part: 'podman',
    problem: /podman 3\.4\.4 is too old/,
  },
  'the user is not root': { machine: { ...WORKING_MACHINE, root: false }, part: 'root', problem: /root only/ },
  'this is not Linux': {
    machine: { ...WORKING_MACHINE, platform: 'darwin' },
    part: 'kernel',
    problem: /needs Linux, and this is darwin/,
  },
};

for (const [sentence, { machine, part, problem }] of Object.entries(UNUSABLE)) {
  test(`the simulated runtime serves, with the reason and a fix, when ${sentence}`, async () => {
    const toolchain = await locateToolchain(fakeProber(machine));
    const [found] = toolchain.problems;
    assert.equal(toolchain.problems.length, 1);
    assert.equal(found?.part, part);
    assert.match(found?.problem ?? '', problem);
    assert.notEqual(found?.fix, '');
    assert.deepEqual(toolchain.runtime, { name: 'simulated', reason: found?.problem });
  });
}

test('the cache folder follows FERMATA_CACHE_DIR, then XDG_CACHE_HOME, then the home', () => {
  assert.equal(cacheDirectory({ FERMATA_CACHE_DIR: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/c');
  assert.equal(cacheDirectory({ FERMATA_CACHE_DIR: '', XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/fermata');
  assert.equal(cacheDirectory({ HOME: '/h' }), '/h/.cache/fermata');
});
