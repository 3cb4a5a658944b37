import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Pod } from '../../model/index.ts';
import { dumpHindrances } from './dump-hindrances.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fermata-probing-'));
  mkdirSync(join(root, 'proc'));
  writeFileSync(join(root, 'proc', 'uptime'), '1000.00 900.00\n');
  writeFileSync(join(root, 'proc', 'version'), 'no process\n');
});
afterEach(() => rmSync(root, { recursive: true }));

const IDS = { a: 'a'.repeat(64), b: 'b'.repeat(64) };

function running(name: string, ...ids: string[]): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: ids.map((_, index) => ({ name: `c${index}`, image: 'i' })) },
    status: {
      phase: 'Running',
      containerStatuses: ids.map((id, index) => ({
        ...{ name: `c${index}`, image: 'i', imageID: '', ready: true, restartCount: 0 },
        containerID: `containerd://${id}`,
        state: { running: {} },
      })),
    },
  };
}

interface Given {
  cgroup: string;
  parent?: number;
  name?: string;
  state?: string;
  /** Seconds since boot. */
  startedAt?: number;
  inner?: number;
  files?: string[];
}

/** As `/proc` has them. */
function processIs(
  pid: number,
  { cgroup, parent = 1, name = 'app', state = 'S', startedAt = 100, inner, files = [] }: Given,
) {
  const folder = join(root, 'proc', String(pid));
  mkdirSync(join(folder, 'fd'), { recursive: true });
  writeFileSync(join(folder, 'cgroup'), `0::${cgroup}\n`);
  const before = Array.from({ length: 17 }, () => 0).join(' ');
  writeFileSync(join(folder, 'stat'), `${pid} (${name}) ${state} ${parent} ${before} ${startedAt * 100} 0\n`);
  const numbers = inner === undefined ? String(pid) : `${pid}\t${inner}`;
  writeFileSync(join(folder, 'status'), `Name:\t${name}\nNSpid:\t${numbers}\n`);
  for (const [index, target] of files.entries()) symlinkSync(target, join(folder, 'fd', String(index)));
}

const find = (...pods: Pod[]) => Object.fromEntries(dumpHindrances(pods, { root, proc: join(root, 'proc') }));
const scope = (id: string) => `/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`;

test('each pod is told what is in its own processes, of whatever container engine', () => {
  processIs(10, { cgroup: scope(IDS.a), inner: 1, files: ['/dev/null', 'socket:[7]'] });
  processIs(20, { cgroup: `/fermata/node-1/libpod-${IDS.b}`, inner: 1, files: ['anon_inode:[io_uring]'] });
  assert.deepEqual(find(running('plain', IDS.a), running('ring', IDS.b)), {
    'uid-ring': { reason: 'IoUring', message: 'process app of container c0 has an io_uring open' },
  });
});

test('what runs beside the containers, or is of another pod, or has ended, is not looked at', () => {
  const files = ['anon_inode:[io_uring]'];
  processIs(10, { cgroup: '/system.slice/x.service', files });
  processIs(11, { cgroup: scope(IDS.b), files });
  processIs(12, { cgroup: scope(IDS.a), state: 'Z', files });
  processIs(13, { cgroup: `/kubepods.slice/crio-conmon-${IDS.a}.scope`, files });
  assert.deepEqual(find(running('plain', IDS.a)), {});
});

test('a process whose name holds spaces and parentheses, brought in by exec, is named', () => {
  processIs(10, { cgroup: scope(IDS.a), inner: 1 });
  processIs(11, { cgroup: scope(IDS.a), parent: 10, inner: 2 });
  processIs(30, { cgroup: scope(IDS.a), parent: 4, inner: 9, name: 'a (b) c', startedAt: 980 });
  assert.match(
    find(running('shell', IDS.a))['uid-shell']?.message ?? '',
    /^process a \(b\) c in container c0 does not/,
  );
  processIs(30, { cgroup: scope(IDS.a), parent: 4, inner: 9, name: 'probe', startedAt: 995 });
  assert.deepEqual(find(running('shell', IDS.a)), {}, 'a probe that began five seconds ago');
});

test('a device is known by what the open file is', () => {
  processIs(10, { cgroup: scope(IDS.a), inner: 1, files: ['/dev/urandom', '/dev/shm'] });
  assert.deepEqual(find(running('plain', IDS.a)), {});
});

test('a plugin of CRIU that is on the node counts', () => {
  const pod = running('gpu', IDS.a);
  const [container] = pod.spec.containers;
  assert.ok(container !== undefined);
  container.resources = { limits: { 'nvidia.com/gpu': '1' } };
  assert.equal(find(pod)['uid-gpu']?.reason, 'Gpu');
  mkdirSync(join(root, 'usr/lib/criu'), { recursive: true });
  writeFileSync(join(root, 'usr/lib/criu/cuda_plugin.so'), '');
  assert.deepEqual(find(pod), {});
});
