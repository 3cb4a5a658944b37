import type { Volume } from '../../model/index.ts';

/** Below `/dev`, and no devices: what lies there is memory. */
const NO_DEVICES = /^\/dev\/(?:shm|hugepages|mqueue)(?:\/|$)/;
const DEVICE_TYPES: ReadonlySet<string> = new Set(['CharDevice', 'BlockDevice']);

/** Whether the volume is a device of the node, or the folder that holds them. */
export function isHostDevice({ hostPath }: Volume): boolean {
  if (hostPath === undefined) return false;
  if (DEVICE_TYPES.has(hostPath.type ?? '')) return true;
  return /^\/dev(?:\/|$)/.test(hostPath.path) && !NO_DEVICES.test(hostPath.path);
}
