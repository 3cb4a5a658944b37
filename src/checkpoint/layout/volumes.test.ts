import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mountedVolumes, savedVolumes } from './volumes.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-volumes-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('volumes whose data Podman put into the archive are named', async () => {
  assert.deepEqual(await savedVolumes(folder), []);
  mkdirSync(join(folder, 'volumes'));
  writeFileSync(join(folder, 'volumes', 'cache.tar'), '');
  assert.deepEqual(await savedVolumes(folder), ['cache']);
});

const POD = '/var/lib/kubelet/pods/e75c770e-455b-4db8-88b7-458414e6ff7a';
const SANDBOX = '/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/1fa4';
const MOUNTS: Record<string, [string, string, string, 'of the pod' | 'of the node' | undefined]> = {
  'an emptyDir is a volume of its pod': [
    'bind',
    `${POD}/volumes/kubernetes.io~empty-dir/scratch`,
    '/scratch',
    'of the pod',
  ],
  'a folder of the node is a volume too': ['bind', '/srv/data', '/data', 'of the node'],
  'the file of the termination message is none, wherever it is': [
    'bind',
    `${POD}/containers/main/bcec`,
    '/end',
    undefined,
  ],
  'the names of hosts are none': ['bind', `${POD}/etc-hosts`, '/etc/hosts', undefined],
  "the sandbox's shared memory is none": ['bind', `${SANDBOX}/shm`, '/dev/shm', undefined],
  'the token of its account is none': [
    'bind',
    `${POD}/volumes/kubernetes.io~secret/default-token-rspw7`,
    '/var/run/secrets/kubernetes.io/serviceaccount',
    undefined,
  ],
  'a file system of the kernel is none': ['proc', 'proc', '/proc', undefined],
};

for (const [sentence, [type, source, destination, whose]] of Object.entries(MOUNTS)) {
  test(sentence, async () => {
    writeFileSync(join(folder, 'spec.dump'), JSON.stringify({ mounts: [{ type, source, destination }] }));
    const want = whose === undefined ? [] : [{ destination, ofPod: whose === 'of the pod' }];
    assert.deepEqual(await mountedVolumes(folder), want);
  });
}
