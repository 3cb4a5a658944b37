import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podProcess } from './host-processes.ts';

const UID = '010833b9-562c-46ab-a7e0-2ff0b57235ef';
const ID = '37a7a13b0b49710e35b37c22ee0d79c058abfd6ca967962f7c5f491316489fe9';

const CGROUPS: Record<string, { cgroup: string; want: ReturnType<typeof podProcess> }> = {
  'the cgroupfs driver on the unified hierarchy': {
    cgroup: `0::/kubepods/burstable/pod${UID}/${ID}\n`,
    want: { pid: 7, podUid: UID, containerId: ID },
  },
  'the cgroupfs driver on hierarchies of their own, below another root': {
    cgroup: `9:name=systemd:/lab/kubepods/pod${UID}/${ID}\n8:pids:/lab/kubepods/pod${UID}/${ID}\n0::/\n`,
    want: { pid: 7, podUid: UID, containerId: ID },
  },
  "containerd with systemd's driver": {
    cgroup: `0::/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/cri-containerd-${ID}.scope\n`,
    want: { pid: 7, podUid: UID, containerId: ID },
  },
  'a group of its own inside the container': {
    cgroup: `0::/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/crio-${ID}.scope/init.scope\n`,
    want: { pid: 7, podUid: UID, containerId: ID },
  },
  "CRI-O's monitor is no process of the container": {
    cgroup: `0::/kubepods.slice/kubepods-pod${UID.replaceAll('-', '_')}.slice/crio-conmon-${ID}.scope\n`,
    want: undefined,
  },
  'a static pod': {
    cgroup: `0::/kubepods/pod0123456789abcdef0123456789abcdef/${ID}\n`,
    want: { pid: 7, podUid: '0123456789abcdef0123456789abcdef', containerId: ID },
  },
  'a service of the machine': { cgroup: '0::/system.slice/podman.service\n', want: undefined },
  'the root': { cgroup: '1:cpu:/\n0::/\n', want: undefined },
};

for (const [name, { cgroup, want }] of Object.entries(CGROUPS)) {
  test(`whose process it is: ${name}`, () => assert.deepEqual(podProcess(7, cgroup), want));
}
