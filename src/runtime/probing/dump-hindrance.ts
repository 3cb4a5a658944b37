/** Why a pod cannot be dumped. `message` names the container and what was found, and stays the same while that does. */
export interface DumpHindrance {
  reason: 'IoUring' | 'Device' | 'Gpu' | 'ExecSession' | 'UnsupportedRuntime';
  message: string;
}

/** A process of a container, as far as a dump of it depends on it. */
export interface ProcessInContainer {
  pid: number;
  parent: number;
  name: string;
  /** The first of the container's own PID namespace. */
  isInit: boolean;
  ageSeconds: number;
  files: readonly OpenFile[];
}

export interface OpenFile {
  /** As `/proc/<pid>/fd` has it: a path, or `anon_inode:[…]`. */
  target: string;
  /** Of a device. */
  device?: { type: 'character' | 'block'; major: number; minor: number };
}

/** CRIU's plugins for devices that are on the node. */
export interface DevicePlugins {
  cuda: boolean;
  amdgpu: boolean;
}

/** Probes by exec are over by then; a dump that meets one is tried again. */
const SESSION_SECONDS = 10;
const IO_URING = 'anon_inode:[io_uring]';
/** Majors of the kernel's devices.txt whose files CRIU dumps itself: memory (null, zero, random), consoles, pseudo-terminals. */
const DUMPED_MAJORS: ReadonlySet<number> = new Set([1, 4, 5, 136, 137, 138, 139, 140, 141, 142, 143]);
const TUN = { major: 10, minor: 200 };
const GPUS: readonly { path: RegExp; plugin: keyof DevicePlugins }[] = [
  { path: /^\/dev\/nvidia/, plugin: 'cuda' },
  { path: /^\/dev\/(?:kfd$|dri\/)/, plugin: 'amdgpu' },
];

/** Pure: what keeps the container from being dumped, by its processes; undefined: nothing of what is known to. */
export function hindranceOf(
  container: string,
  processes: readonly ProcessInContainer[],
  plugins: DevicePlugins,
): DumpHindrance | undefined {
  for (const { name, files } of processes) {
    for (const file of files) {
      const found = hindranceOfFile(file, plugins);
      if (found !== undefined)
        return { ...found, message: `process ${name} of container ${container} ${found.message}` };
    }
  }
  const stranger = strangerAmong(processes);
  if (stranger === undefined) return undefined;
  const message = `process ${stranger.name} in container ${container} does not descend from its first process, and no dump would hold it: an exec session is open`;
  return { reason: 'ExecSession', message };
}

function hindranceOfFile({ target, device }: OpenFile, plugins: DevicePlugins): DumpHindrance | undefined {
  if (target === IO_URING) return { reason: 'IoUring', message: 'has an io_uring open' };
  if (device === undefined) return undefined;
  const gpu = GPUS.find(({ path }) => path.test(target));
  if (gpu !== undefined) {
    if (plugins[gpu.plugin]) return undefined;
    return { reason: 'Gpu', message: `uses ${target}, and CRIU's plugin ${gpu.plugin} is not on the node` };
  }
  const { type, major, minor } = device;
  if (type === 'character' && (DUMPED_MAJORS.has(major) || (major === TUN.major && minor === TUN.minor)))
    return undefined;
  return { reason: 'Device', message: `has the device ${target} open` };
}

/** CRIU dumps one tree: what others in the container's control group do fails the dump, or is lost (runc 1.3 with CRIU 4.2). */
function strangerAmong(processes: readonly ProcessInContainer[]): ProcessInContainer | undefined {
  const own = new Set(processes.map(({ pid }) => pid));
  const roots = processes.filter(({ parent }) => !own.has(parent));
  const first =
    roots.find(({ isInit }) => isInit) ?? roots.toSorted((one, other) => other.ageSeconds - one.ageSeconds)[0];
  return roots.find((root) => root !== first && root.ageSeconds >= SESSION_SECONDS);
}
