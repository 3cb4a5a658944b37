import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { arch, freemem, platform, release, totalmem } from 'node:os';
import type { RuntimeName } from '../../runtime/index.ts';
import type { NodeHealth, NodeSystem } from './node-object.ts';

/** Below this share of free space or memory a node reports pressure (kubelet: nodefs.available<10 %, memory.available<100Mi). */
const DISK_PRESSURE_SHARE = 0.05;
const MEMORY_PRESSURE_SHARE = 0.02;

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The machine this process runs on, in Kubernetes' words. */
export function thisMachine(runtime: RuntimeName, version: string): NodeSystem {
  return {
    architecture: GO_ARCHITECTURES[arch()] ?? arch(),
    operatingSystem: platform(),
    kernelVersion: release(),
    osImage: osImage(),
    containerRuntimeVersion: `${runtime}://`,
    kubeletVersion: `v${version}-fermata`,
  };
}

function osImage(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? platform();
  } catch {
    return platform(); // only Linux distributions have the file
  }
}

/** Whether memory, or the disk that holds `directory`, run short. */
export async function measurePressure(directory: string): Promise<Pick<NodeHealth, 'memoryPressure' | 'diskPressure'>> {
  const { bavail, blocks } = await statfs(directory);
  return {
    memoryPressure: freemem() / totalmem() < MEMORY_PRESSURE_SHARE,
    diskPressure: bavail / blocks < DISK_PRESSURE_SHARE,
  };
}
