import { fileURLToPath } from 'node:url';
import { type Prober, systemProber } from './prober.ts';
import {
  cacheDirectory,
  findTool,
  locateToolchain,
  type RuntimeChoice,
  type Tool,
  type Toolchain,
} from './toolchain.ts';

export interface PartReport {
  part: string;
  found: boolean;
  /** Empty when there is none to speak of. */
  version: string;
  /** `works`; `fails`: present or wanted, and unusable; `optional`: missing, and only named features want it. */
  status: 'works' | 'fails' | 'optional';
  /** Path, or why it does not work. */
  detail: string;
  /** What to do, when there is something to do. */
  fix?: string;
  /** Nothing runs without it, not even the simulated runtime. */
  required: boolean;
}

export interface Examination {
  parts: PartReport[];
  runtime: RuntimeChoice;
}

/** CRIU features worth knowing about, and what their absence means. None is needed. */
const KERNEL_FEATURES: Readonly<Record<string, string>> = {
  mem_dirty_track: 'no incremental pre-dumps; dumps are whole',
  uffd: 'no lazy restore',
  pidfd_store: 'process identities are checked by number only',
  network_lock_nftables: 'connections are locked by iptables instead',
};
/** A demo needs about 1 GiB: images of a few victims and the container storage. */
const WANTED_FREE_BYTES = 2 * 2 ** 30;

const ROOT = new URL('../../', import.meta.url);

/** Looks at every part of this machine that Fermata can use. */
export async function examine(prober: Prober = systemProber(), toolchain?: Toolchain): Promise<Examination> {
  const found = toolchain ?? (await locateToolchain(prober));
  const parts = await Promise.all([
    nodePart(found),
    packagesPart(prober),
    platformPart(prober),
    rootPart(prober),
    toolPart('podman', found.podman, found),
    toolPart('runc', found.runc, found),
    toolPart('conmon', found.conmon, found),
    criuPart(found),
    featuresPart(prober, found),
    cgroupsPart(prober),
    networkPart(prober),
    perlPart(found),
    kubectlPart(prober),
    diskPart(prober),
  ]);
  return { parts, runtime: found.runtime };
}

function nodePart({ node }: Toolchain): PartReport {
  return works('node', node, true);
}

async function packagesPart(prober: Prober): Promise<PartReport> {
  const stamp = await prober.readText(fileURLToPath(new URL('node_modules/.fermata-stamp', ROOT)));
  const set = stamp?.split(' ')[1];
  return {
    part: 'npm packages',
    found: true,
    version: '',
    status: 'works',
    detail:
      set === 'development'
        ? 'as locked, with those for development'
        : set === 'runtime'
          ? 'as locked'
          : 'installed by hand',
    required: true,
  };
}

async function platformPart(prober: Prober): Promise<PartReport> {
  const release = (await prober.readText('/proc/sys/kernel/osrelease'))?.trim() ?? '';
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec((await prober.readText('/etc/os-release')) ?? '')?.[1];
  const linux = prober.platform === 'linux';
  return {
    part: 'kernel',
    found: linux,
    version: release,
    status: linux ? 'works' : 'fails',
    detail: [system ?? prober.platform, prober.architecture].join(', '),
    ...(!linux && { fix: 'Containers are checkpointed on Linux only; elsewhere the simulated runtime serves.' }),
    required: false,
  };
}

function rootPart(prober: Prober): PartReport {
  const root = prober.isRoot();
  return {
    part: 'root',
    found: root,
    version: '',
    status: root ? 'works' : 'fails',
    detail: root ? 'runs as root' : 'Podman checkpoints containers for root only',
    ...(!root && { fix: 'Run it as root (sudo).' }),
    required: false,
  };
}

function toolPart(name: string, tool: Tool | undefined, toolchain: Toolchain): PartReport {
  const problem = toolchain.problems.find((candidate) => candidate.part === name);
  if (problem === undefined && tool !== undefined) return works(name, tool, false);
  return {
    part: name,
    found: tool !== undefined,
    version: tool?.version ?? '',
    status: 'fails',
    detail: problem?.problem ?? `${name} is not installed`,
    ...(problem && { fix: problem.fix }),
    required: false,
  };
}

function criuPart(toolchain: Toolchain): PartReport {
  const { criu } = toolchain;
  const part = toolPart('criu', criu, toolchain);
  if (criu?.checkPassed === true) {
    part.detail = `${criu.path} (${criu.origin}; criu check: looks good${criu.limitation === undefined ? '' : `; ${criu.limitation}`})`;
    if (criu.limitation !== undefined) part.fix = 'Install CRIU 4.2 or newer, or run: sh install/containers.sh';
  }
  return part;
}

async function featuresPart(prober: Prober, { criu }: Toolchain): Promise<PartReport> {
  const part: PartReport = {
    part: 'CRIU features',
    found: criu?.checkPassed === true,
    version: '',
    status: 'optional',
    detail: 'not asked: no CRIU that works',
    required: false,
  };
  if (criu?.checkPassed !== true) return part;
  const answers = await Promise.all(
    Object.entries(KERNEL_FEATURES).map(async ([feature, without]) => {
      const { status } = await prober.run(criu.path, ['check', '--feature', feature]);
      return { feature, without, present: status === 0 };
    }),
  );
  const missing = answers.filter((answer) => !answer.present);
  part.status = 'works';
  part.detail =
    missing.length === 0
      ? Object.keys(KERNEL_FEATURES).join(', ')
      : missing.map((answer) => `without ${answer.feature} (${answer.without}; harmless)`).join(', ');
  return part;
}

/** crun refuses checkpoints on the hybrid layout; runc, which Fermata uses, works on all three. */
async function cgroupsPart(prober: Prober): Promise<PartReport> {
  const root = await prober.list('/sys/fs/cgroup');
  const layout = root.includes('cgroup.controllers') ? 'v2' : root.includes('unified') ? 'hybrid' : 'v1';
  const found = root.length > 0;
  return {
    part: 'cgroups',
    found,
    version: found ? layout : '',
    status: found ? 'works' : 'fails',
    detail: found ? '/sys/fs/cgroup' : 'no control groups: resource limits cannot be enforced',
    ...(!found &&
      prober.platform === 'linux' && { fix: 'Mount the cgroup file systems (a container needs them passed in).' }),
    required: false,
  };
}

/** A pod's network, and the drop rules that keep its connections alive over a checkpoint. */
async function networkPart(prober: Prober): Promise<PartReport> {
  const plugins = ['/usr/lib/podman/netavark', '/usr/libexec/podman/netavark', '/usr/lib/cni/bridge'];
  const present = await Promise.all(plugins.map((path) => prober.isExecutable(path)));
  const plugin = plugins[present.indexOf(true)];
  const commands = await Promise.all(
    ['iptables', 'nft', 'ip', 'nsenter'].map(async (name) => ({ name, path: await prober.which(name) })),
  );
  const missing = [
    ...(plugin === undefined ? ['netavark'] : []),
    ...commands.filter((command) => command.path === undefined).map((command) => command.name),
  ];
  return {
    part: 'pod network',
    found: missing.length === 0,
    version: '',
    status: missing.length === 0 ? 'works' : 'fails',
    detail: missing.length === 0 ? `${plugin}, iptables, nft, ip, nsenter` : `missing: ${missing.join(', ')}`,
    ...(missing.length > 0 &&
      prober.platform === 'linux' && { fix: 'On Debian or Ubuntu, as root: sh install/containers.sh installs it.' }),
    required: false,
  };
}

function perlPart({ perl }: Toolchain): PartReport {
  if (perl !== undefined) return works('perl', perl, false);
  return {
    part: 'perl',
    found: false,
    version: '',
    status: 'optional',
    detail: "the demo's image is made of the host's perl",
    fix: 'Install perl to run the demo on real containers.',
    required: false,
  };
}

async function kubectlPart(prober: Prober): Promise<PartReport> {
  const kubectl = await findTool(prober, 'kubectl', ['version', '--client=true', '--output=json']);
  if (kubectl !== undefined) return works('kubectl', kubectl, false);
  return {
    part: 'kubectl',
    found: false,
    version: '',
    status: 'optional',
    detail: 'fermata works without it',
    fix: 'Install kubectl to look into the embedded cluster with it.',
    required: false,
  };
}

async function diskPart(prober: Prober): Promise<PartReport> {
  const directory = prober.environment.TMPDIR ?? '/tmp';
  const free = await prober.freeBytes(directory);
  const cacheFree = await prober.freeBytes(cacheDirectory(prober.environment));
  const smallest = Math.min(free ?? Number.POSITIVE_INFINITY, cacheFree ?? Number.POSITIVE_INFINITY);
  const enough = smallest >= WANTED_FREE_BYTES;
  return {
    part: 'disk space',
    found: true,
    version: '',
    status: enough ? 'works' : 'fails',
    detail: `${gibibytes(free)} free in ${directory}, ${gibibytes(cacheFree)} in the cache folder`,
    ...(!enough && { fix: 'Free at least 2 GiB, or set TMPDIR and FERMATA_CACHE_DIR to where there is room.' }),
    required: false,
  };
}

function gibibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function works(part: string, tool: Tool, required: boolean): PartReport {
  return { part, found: true, version: tool.version, status: 'works', detail: tool.path, required };
}
