import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseRecipients, parseStoreUrl } from '../checkpoint/index.ts';
import { canonicalQuantity, FermataError, reasonOf } from '../model/index.ts';
import {
  createLog,
  ownCommand,
  type RunningSandbox,
  readSchedulerConfiguration,
  startSandbox,
  untilStopped,
} from '../roles/index.ts';
import type { RuntimeName } from '../runtime/index.ts';
import { refuseRunning, type SandboxConfiguration, SandboxDirectory, usesStores } from '../sandbox/index.ts';
import { UsageError } from './exit.ts';
import { Progress } from './progress.ts';
import { defaultSandboxFolder } from './sandbox-options.ts';
import { locateToolchain, type Toolchain } from './toolchain.ts';

export interface UpFlags {
  dir?: string;
  detach?: boolean;
  port?: string;
  runtime?: RuntimeName;
  nodes: string;
  nodeCpu: string;
  nodeMemory: string;
  nodePods: string;
  network: 'none' | 'bridge';
  config?: string;
  store?: string;
  allowStore?: string[];
  encryptTo?: string[];
  localCopies?: 'keep' | 'wipe';
}

const MAX_NODES = 100;
const LAST_PORT = 65_535;
const DETACH_START_MILLISECONDS = 120_000;

/** `given` says whether a flag was written on the command line: a sandbox that exists keeps what it was made of. */
export async function up(flags: UpFlags, given: (flag: keyof UpFlags) => boolean): Promise<void> {
  const directory = new SandboxDirectory(flags.dir ?? defaultSandboxFolder());
  refuseRunning(directory);
  const existing = directory.readConfiguration();
  if (existing !== undefined) refuseChange(directory, existing, flags, given);
  const kept = existing ?? (await sandboxConfiguration(flags));
  const schedulerConfig = flags.config === undefined ? undefined : resolve(flags.config);
  // What is wrong with it is said here, not in the log of a part that starts again and again.
  if (schedulerConfig !== undefined) await readSchedulerConfiguration(schedulerConfig);
  const configuration = {
    ...kept,
    ...(flags.port === undefined ? {} : { port: wholeNumber(flags.port, '--port', LAST_PORT) }),
    ...(schedulerConfig === undefined ? {} : { schedulerConfig }),
    ...(flags.store === undefined ? {} : { store: storeUrl(flags.store) }),
    ...(flags.allowStore === undefined ? {} : { allowStores: flags.allowStore.map(storeUrl) }),
    ...(flags.encryptTo === undefined ? {} : { encryptTo: await recipientFiles(flags.encryptTo) }),
    ...(flags.localCopies === undefined ? {} : { localCopies: flags.localCopies }),
  };
  if (configuration.encryptTo !== undefined && !usesStores(configuration)) {
    throw new UsageError('--encrypt-to says for whom --store encrypts; there is no --store');
  }
  if (configuration.localCopies === 'wipe' && !usesStores(configuration)) {
    throw new UsageError('--local-copies wipe leaves data in the store alone; there is no --store');
  }
  if (flags.detach === true) return detach(directory, configuration);
  const progress = new Progress();
  let sandbox: RunningSandbox;
  try {
    progress.step('starting the sandbox');
    sandbox = await startSandbox({ directory: directory.root, configuration, log: createLog('up', 'warn') });
  } finally {
    progress.stop();
  }
  process.stdout.write(introduction(directory, sandbox.configuration));
  const why = await untilStopped();
  process.stderr.write(`${why}: stopping the sandbox\n`);
  await sandbox.stop();
}

/** The configuration the flags ask for; throws UsageError naming the flag. */
export async function sandboxConfiguration(
  flags: Omit<UpFlags, 'dir' | 'detach' | 'port'>,
): Promise<SandboxConfiguration> {
  const toolchain = await locateToolchain();
  const runtime = flags.runtime ?? toolchain.runtime.name;
  if (runtime === 'podman' && toolchain.problems.length > 0) {
    throw new FermataError(
      'RuntimeUnusable',
      `the podman runtime cannot be used here: ${toolchain.problems.map(({ part, problem }) => `${part}: ${problem}`).join('; ')}`,
      {
        nextStep: `${toolchain.problems[0]?.fix ?? 'fermata doctor says how'} Or use --runtime simulated.`,
      },
    );
  }
  const count = wholeNumber(flags.nodes, '--nodes', MAX_NODES);
  const node = {
    cpu: quantity(flags.nodeCpu, '--node-cpu'),
    memory: quantity(flags.nodeMemory, '--node-memory'),
    pods: wholeNumber(flags.nodePods, '--node-pods', 1_000),
  };
  const tools = toolsOf(toolchain);
  return {
    runtime,
    network: flags.network,
    nodes: Array.from({ length: count }, (_, index) => ({ name: `node-${index + 1}`, ...node })),
    ...(tools === undefined || runtime !== 'podman' ? {} : { tools }),
  };
}

/** A folder as an absolute path: the nodes run elsewhere. */
function storeUrl(text: string): string {
  const url = text.includes('://') ? text : resolve(text);
  parseStoreUrl(url);
  return url;
}

/** What is wrong with a file of recipients is said here, not by a node that starts again and again. */
async function recipientFiles(files: readonly string[]): Promise<string[]> {
  for (const file of files) parseRecipients(await contentOf(file), file);
  return files.map((file) => resolve(file));
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--encrypt-to: ${file} cannot be read: ${reasonOf(error)}`);
  }
}

function refuseChange(
  directory: SandboxDirectory,
  { runtime, network, nodes }: SandboxConfiguration,
  flags: UpFlags,
  given: (flag: keyof UpFlags) => boolean,
): void {
  const node = nodes[0];
  const options: [flag: keyof UpFlags, option: string, has: string | undefined, asked: string | undefined][] = [
    ['runtime', '--runtime', runtime, flags.runtime],
    ['network', '--network', network, flags.network],
    ['nodes', '--nodes', String(nodes.length), flags.nodes],
    ['nodeCpu', '--node-cpu', node?.cpu, quantity(flags.nodeCpu, '--node-cpu')],
    ['nodeMemory', '--node-memory', node?.memory, quantity(flags.nodeMemory, '--node-memory')],
    ['nodePods', '--node-pods', node === undefined ? undefined : String(node.pods), flags.nodePods],
  ];
  for (const [flag, option, has, asked] of options) {
    if (!given(flag) || asked === has) continue;
    throw new UsageError(
      `the sandbox in ${directory.root} was made with ${option} ${has ?? 'unknown'}, not ${asked ?? ''}`,
      `leave the option out, or remove the sandbox first: fermata down --dir ${directory.root}`,
    );
  }
}

function toolsOf({ podman, runc, conmon, criu }: Toolchain): SandboxConfiguration['tools'] {
  if (podman === undefined || runc === undefined || conmon === undefined || criu === undefined) return undefined;
  return { podman: podman.path, runc: runc.path, conmon: conmon.path, criuDirectory: criu.binDirectory };
}

function wholeNumber(text: string, option: string, largest: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > largest) {
    throw new UsageError(`${option} takes a whole number from 1 to ${largest}, not "${text}"`);
  }
  return value;
}

function quantity(text: string, option: string): string {
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw new UsageError(`${option}: ${reasonOf(error)}`);
  }
}

function introduction(directory: SandboxDirectory, configuration: SandboxConfiguration): string {
  const simulated =
    configuration.runtime === 'simulated'
      ? 'Runtime: simulated. No container runs here; what pods do is imagined.\n'
      : '';
  const nodes = configuration.nodes.length;
  return `${simulated}Sandbox with ${nodes} ${nodes === 1 ? 'node' : 'nodes'} in ${directory.root} is ready. To use it:\n  export KUBECONFIG=${directory.kubeconfig}\n`;
}

/** Starts `fermata up` as a process of its own and returns when it says that it is ready. */
async function detach(directory: SandboxDirectory, configuration: SandboxConfiguration): Promise<void> {
  directory.create();
  directory.writeConfiguration(configuration);
  const own = ownCommand();
  const logFile = directory.logFile('up');
  const log = openSync(logFile, 'a', 0o600);
  const before = fstatSync(log).size;
  const child = spawn(own.command, [...own.arguments, 'up', '--dir', directory.root], {
    detached: true,
    stdio: ['ignore', 'pipe', log],
  });
  closeSync(log);
  const progress = new Progress();
  progress.step('starting the sandbox');
  try {
    const text = await firstOutput(child);
    process.stdout.write(text);
  } catch (error) {
    child.kill('SIGTERM');
    const reason = lastError(logFile, before) ?? reasonOf(error);
    throw new FermataError('SandboxNotStarted', `the sandbox did not start: ${reason}`, {
      cause: error,
      nextStep: `read ${logFile}`,
    });
  } finally {
    progress.stop();
    child.stdout?.destroy();
    child.unref();
  }
}

/** What the process said in its own words, from that byte of its log on. */
function lastError(logFile: string, from: number): string | undefined {
  const said = readFileSync(logFile).subarray(from).toString();
  return [...said.matchAll(/^error: (.*)$/gm)].at(-1)?.[1];
}

function firstOutput(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const limit = setTimeout(() => reject(new Error('no sign of life within 2 minutes')), DETACH_START_MILLISECONDS);
    const end = (settle: () => void): void => {
      clearTimeout(limit);
      settle();
    };
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.includes('KUBECONFIG=') && text.endsWith('\n')) end(() => resolve(text));
    });
    child.once('error', (error) => end(() => reject(error)));
    child.once('exit', (code, signal) => end(() => reject(new Error(signal ?? `exit status ${code}`))));
  });
}
