import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Prober, systemProber } from './prober.ts';

export interface Tool {
  /** Absolute. */
  path: string;
  /** As the program says it, for example `4.3.1`; empty when it did not say. */
  version: string;
}

export interface CriuTool extends Tool {
  /**
   * Put this directory first on the PATH of Podman: runc and crun look up `criu` by name.
   */
  binDirectory: string;
  /** `criu check` said that this kernel has what it needs. */
  checkPassed: boolean;
  /** Why not, in CRIU's words. */
  problem?: string;
  /** What it cannot do on this kernel though its check passes. */
  limitation?: string;
  /** `system`, or the suite of an unpacked one, for example `trixie`. */
  origin: string;
}

export interface ToolProblem {
  /** Name of the part, as `doctor` lists it. */
  part: string;
  problem: string;
  /** What to do about it, a sentence. */
  fix: string;
}

/** Which runtime a sandbox on this machine gets when none is asked for. */
export interface RuntimeChoice {
  name: 'podman' | 'simulated';
  /** Why not Podman; undefined for Podman. */
  reason?: string;
}

/** What was found on this machine. A missing tool is undefined and has its entry in `problems`. */
export interface Toolchain {
  /** The Node that runs this process. */
  node: Tool;
  podman?: Tool;
  runc?: Tool;
  conmon?: Tool;
  criu?: CriuTool;
  /** The demo's image is made of the host's perl. */
  perl?: Tool;
  /** Everything that keeps the podman runtime from being used; empty when it can be. */
  problems: ToolProblem[];
  runtime: RuntimeChoice;
}

/** Podman 4 has the pod checkpoint options and the REST calls that the runtime uses. */
const MINIMUM_PODMAN_MAJOR = 4;
const INSTALL_FIX = 'On Debian or Ubuntu, as root: ./fermata demo installs it (or: sh install/containers.sh).';

/** Where fermata keeps what it fetched: `FERMATA_CACHE_DIR`, else `XDG_CACHE_HOME/fermata`, else `~/.cache/fermata`. */
export function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment.FERMATA_CACHE_DIR;
  if (own !== undefined && own !== '') return own;
  const xdg = environment.XDG_CACHE_HOME;
  return join(xdg !== undefined && xdg !== '' ? xdg : join(environment.HOME ?? homedir(), '.cache'), 'fermata');
}

/**
 * Finds the tools of the podman runtime and says whether they can be used together. Runs each once, `criu check` too
 * (about 0.2 s in all); installs nothing. Never throws: what is wrong is in `problems`.
 */
export async function locateToolchain(prober: Prober = systemProber()): Promise<Toolchain> {
  const [podman, runc, conmon, criu, perl] = await Promise.all([
    findTool(prober, 'podman', ['--version']),
    findTool(prober, 'runc', ['--version']),
    findTool(prober, 'conmon', ['--version']),
    findCriu(prober),
    findTool(prober, 'perl', ['-e', 'printf "%vd", $^V']),
  ]);
  const problems: ToolProblem[] = [];
  if (prober.platform !== 'linux') {
    problems.push({
      part: 'kernel',
      problem: `checkpoint/restore of processes needs Linux, and this is ${prober.platform}`,
      fix: 'Run it on a Linux machine, or in a virtual machine.',
    });
  }
  if (!prober.isRoot()) {
    problems.push({
      part: 'root',
      problem: 'Podman checkpoints containers for root only',
      fix: 'Run it as root (sudo).',
    });
  }
  for (const [part, tool] of Object.entries({ podman, runc, conmon })) {
    if (tool === undefined) problems.push({ part, problem: `${part} is not installed`, fix: INSTALL_FIX });
  }
  if (podman !== undefined && Number.parseInt(podman.version, 10) < MINIMUM_PODMAN_MAJOR) {
    problems.push({
      part: 'podman',
      problem: `podman ${podman.version} is too old: ${MINIMUM_PODMAN_MAJOR}.0 or newer is needed`,
      fix: 'Install a newer Podman.',
    });
  }
  if (criu === undefined) problems.push({ part: 'criu', problem: 'criu is not installed', fix: INSTALL_FIX });
  else if (!criu.checkPassed) {
    problems.push({
      part: 'criu',
      problem: `criu ${criu.version} does not work on this kernel: ${criu.problem ?? 'no reason given'}`,
      fix: INSTALL_FIX,
    });
  }
  return {
    node: { path: process.execPath, version: process.versions.node },
    ...(podman && { podman }),
    ...(runc && { runc }),
    ...(conmon && { conmon }),
    ...(criu && { criu }),
    ...(perl && { perl }),
    problems,
    runtime: chooseRuntime(problems),
  };
}

function chooseRuntime(problems: readonly ToolProblem[]): RuntimeChoice {
  if (problems.length === 0) return { name: 'podman' };
  return { name: 'simulated', reason: problems.map((problem) => problem.problem).join('; ') };
}

/** A program and its version: the first number with dots that it prints. */
export async function findTool(prober: Prober, name: string, args: readonly string[]): Promise<Tool | undefined> {
  const path = await prober.which(name);
  if (path === undefined) return undefined;
  const { stdout, stderr } = await prober.run(path, args);
  return { path, version: /\d+(?:\.\d+)+[\w.+~-]*/.exec(`${stdout}\n${stderr}`)?.[0] ?? '' };
}

/**
 * The system's or an unpacked one: the first whose check passes and that has no limitation, else the first whose check passes,
 * else whichever there is, with the reason.
 */
async function findCriu(prober: Prober): Promise<CriuTool | undefined> {
  const prefix = join(cacheDirectory(prober.environment), 'criu');
  const unpacked = (await prober.list(prefix))
    .filter((suite) => !suite.startsWith('.'))
    .map((suite) => ({ path: join(prefix, suite, 'bin', 'criu'), origin: suite }));
  const system = await prober.which('criu');
  const candidates = [...(system === undefined ? [] : [{ path: system, origin: 'system' }]), ...unpacked];
  const kernel = (await prober.readText('/proc/sys/kernel/osrelease')) ?? '';
  const found: CriuTool[] = [];
  for (const { path, origin } of candidates) {
    if (!(await prober.isExecutable(path))) continue;
    const criu = await checkCriu(prober, path, origin, kernel);
    if (criu.checkPassed && criu.limitation === undefined) return criu;
    found.push(criu);
  }
  return found.find((criu) => criu.checkPassed) ?? found[0];
}

async function checkCriu(prober: Prober, path: string, origin: string, kernel: string): Promise<CriuTool> {
  const [version, check] = await Promise.all([prober.run(path, ['--version']), prober.run(path, ['check'])]);
  const checkPassed = check.status === 0;
  const number = /Version: (\S+)/.exec(version.stdout)?.[1] ?? '';
  // From Linux 6.16 on, SO_PASSCRED is refused on anything but Unix sockets, which CRIU before 4.2 does not expect.
  const isLimited = isAtLeast(kernel, 6, 16) && !isAtLeast(number, 4, 2);
  return {
    path,
    version: number,
    binDirectory: dirname(path),
    checkPassed,
    ...(!checkPassed && { problem: firstCriuError(check.stdout + check.stderr) }),
    ...(isLimited && {
      limitation: `CRIU before 4.2 cannot dump processes with network sockets on Linux ${kernel.trim()}`,
    }),
    origin,
  };
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [foundMajor = 0, foundMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

/** `Error (criu/vdso.c:632): vdso: Unexpected rt vDSO area bounds` → what stands after the place; warnings are not causes. */
function firstCriuError(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const error = lines.find((line) => line.startsWith('Error')) ?? lines.at(-1);
  return error?.replace(/^Error \([^)]*\): /, '').trim() ?? '`criu check` said nothing';
}
