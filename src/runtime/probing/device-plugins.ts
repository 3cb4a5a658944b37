import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../model/index.ts';
import type { DevicePlugins, DumpHindrance } from './dump-hindrance.ts';

/** CRIU's `--libdir` as distributions and its own Makefile set it. */
const FOLDERS = [
  'usr/lib/criu',
  'usr/lib64/criu',
  'usr/local/lib/criu',
  'usr/lib/x86_64-linux-gnu/criu',
  'usr/lib/aarch64-linux-gnu/criu',
];

/** @param root where this process sees the node's `/` */
export function devicePlugins(root: string): DevicePlugins {
  const has = (file: string): boolean => FOLDERS.some((folder) => existsSync(join(root, folder, file)));
  return { cuda: has('cuda_plugin.so'), amdgpu: has('amdgpu_plugin.so') };
}

/** Extended resources that are GPUs and their like, and what dumps them; `undefined`: nothing does. */
const ACCELERATORS: readonly { resource: RegExp; plugin: keyof DevicePlugins | undefined }[] = [
  { resource: /^nvidia\.com\/(?:gpu|mig-)/, plugin: 'cuda' },
  { resource: /^amd\.com\/gpu/, plugin: 'amdgpu' },
  { resource: /^(?:gpu\.intel\.com|habana\.ai|google\.com\/tpu|aws\.amazon\.com\/neuron)/, plugin: undefined },
];

/** Pure: whether the pod is given an accelerator that cannot be dumped on this node, used already or not. */
export function acceleratorHindrance(pod: Pod, plugins: DevicePlugins): DumpHindrance | undefined {
  for (const { name, resources } of pod.spec.containers) {
    for (const resource of Object.keys({ ...resources?.requests, ...resources?.limits })) {
      const found = ACCELERATORS.find((one) => one.resource.test(resource));
      if (found === undefined || (found.plugin !== undefined && plugins[found.plugin])) continue;
      const why =
        found.plugin === undefined ? 'CRIU has no plugin for it' : `CRIU's plugin ${found.plugin} is not on the node`;
      return { reason: 'Gpu', message: `container ${name} has ${resource}, and ${why}` };
    }
  }
  return undefined;
}
