import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../model/index.ts';
import { acceleratorHindrance } from './device-plugins.ts';
import { hindranceOf, type OpenFile, type ProcessInContainer } from './dump-hindrance.ts';

const NO_PLUGINS = { cuda: false, amdgpu: false };
const init: ProcessInContainer = { pid: 10, parent: 1, name: 'app', isInit: true, ageSeconds: 600, files: [] };
const child = (changes: Partial<ProcessInContainer> = {}): ProcessInContainer => ({
  ...init,
  ...{ pid: 11, parent: 10, name: 'sh', isInit: false, ageSeconds: 60 },
  ...changes,
});
const device = (target: string, major: number, minor: number, type: 'character' | 'block' = 'character'): OpenFile => ({
  target,
  device: { type, major, minor },
});
const opens = (...files: OpenFile[]): ProcessInContainer[] => [init, child({ files })];

const CASES: Record<
  string,
  { processes: readonly ProcessInContainer[]; plugins?: Partial<typeof NO_PLUGINS>; wants: string | undefined }
> = {
  'a tree of processes is': { processes: [init, child(), child({ pid: 12, parent: 11 })], wants: undefined },
  'files, sockets and event polls are': {
    processes: opens({ target: '/data/x' }, { target: 'socket:[1]' }, { target: 'anon_inode:[eventpoll]' }),
    wants: undefined,
  },
  'an io_uring is not': {
    processes: opens({ target: 'anon_inode:[io_uring]' }),
    wants: 'IoUring: process sh of container main has an io_uring open',
  },
  'null, terminals and tunnels are': {
    processes: opens(device('/dev/null', 1, 3), device('/dev/pts/0', 136, 0), device('/dev/net/tun', 10, 200)),
    wants: undefined,
  },
  'another device is not': {
    processes: opens(device('/dev/kvm', 10, 232)),
    wants: 'Device: process sh of container main has the device /dev/kvm open',
  },
  'a disk is not, whatever its number': {
    processes: opens(device('/dev/ram0', 1, 0, 'block')),
    wants: 'Device: process sh of container main has the device /dev/ram0 open',
  },
  'a GPU is not without its plugin': {
    processes: opens(device('/dev/nvidia0', 195, 0)),
    plugins: { amdgpu: true },
    wants: "Gpu: process sh of container main uses /dev/nvidia0, and CRIU's plugin cuda is not on the node",
  },
  'a GPU is with it': { processes: opens(device('/dev/nvidia0', 195, 0)), plugins: { cuda: true }, wants: undefined },
  'so is one of AMD': { processes: opens(device('/dev/kfd', 234, 0)), plugins: { amdgpu: true }, wants: undefined },
  'a session by exec is not': {
    processes: [init, child({ pid: 20, parent: 999, name: 'bash', ageSeconds: 11 })],
    wants:
      'ExecSession: process bash in container main does not descend from its first process, and no dump would hold it: an exec session is open',
  },
  'a probe by exec that just began is none': {
    processes: [init, child({ pid: 20, parent: 999, ageSeconds: 2 })],
    wants: undefined,
  },
  'without a PID namespace of its own, the oldest is the first': {
    processes: [
      child({ pid: 20, parent: 999, name: 'bash', ageSeconds: 60 }),
      { ...init, isInit: false, ageSeconds: 600 },
    ],
    wants:
      'ExecSession: process bash in container main does not descend from its first process, and no dump would hold it: an exec session is open',
  },
  'what does not run is no hindrance': { processes: [], wants: undefined },
};
for (const [sentence, { processes, plugins, wants }] of Object.entries(CASES)) {
  test(`what CRIU can dump: ${sentence}`, () => {
    const found = hindranceOf('main', processes, { ...NO_PLUGINS, ...plugins });
    assert.equal(found === undefined ? undefined : `${found.reason}: ${found.message}`, wants);
  });
}

const RESOURCES: Record<string, { plugins?: Partial<typeof NO_PLUGINS>; wants: RegExp | undefined }> = {
  'nvidia.com/gpu': { wants: /container main has nvidia\.com\/gpu, and CRIU's plugin cuda is not on the node/ },
  'nvidia.com/mig-1g.5gb': { plugins: { cuda: true }, wants: undefined },
  'amd.com/gpu': { plugins: { cuda: true }, wants: /plugin amdgpu is not/ },
  'gpu.intel.com/i915': { plugins: { cuda: true, amdgpu: true }, wants: /CRIU has no plugin for it/ },
  'example.com/widget': { wants: undefined },
  memory: { wants: undefined },
};
for (const [resource, { plugins, wants }] of Object.entries(RESOURCES)) {
  test(`a pod that is given ${resource} ${wants === undefined ? 'may be dumped' : 'may not be'}`, () => {
    const containers = [{ name: 'main', image: 'i', resources: { limits: { [resource]: '1' } } }];
    const metadata = { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } };
    const message = acceleratorHindrance(pod, { ...NO_PLUGINS, ...plugins })?.message;
    if (wants === undefined) assert.equal(message, undefined);
    else assert.match(message ?? '', wants);
  });
}
