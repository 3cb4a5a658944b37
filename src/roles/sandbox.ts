import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createKeyFolder } from '../checkpoint/index.ts';
import { type Clock, SystemClock } from '../clock/index.ts';
import { customResourceDefinitions, HttpStore, isApiError, loadKubeconfig } from '../kubernetes/index.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, FermataError, isConditionTrue, type Log, NODES } from '../model/index.ts';
import type { PodmanService } from '../runtime/index.ts';
import {
  claim,
  release,
  Sandbox,
  type SandboxConfiguration,
  SandboxDirectory,
  type SandboxParts,
  usesStores,
  writeAtomically,
} from '../sandbox/index.ts';
import type { Running } from './role.ts';
import { podmanServiceOf } from './runtimes.ts';

/** How this very program is started again for the parts of the sandbox. */
export interface OwnCommand {
  command: string;
  arguments: readonly string[];
}

/** The program that is running now: its Node and its main file. */
export function ownCommand(): OwnCommand {
  return { command: process.execPath, arguments: [...process.execArgv, process.argv[1] ?? ''] };
}

export interface SandboxOptions {
  directory: string;
  /** For a folder that holds no sandbox yet; one that does keeps its own. */
  configuration: SandboxConfiguration;
  own?: OwnCommand;
  log: Log;
  signal?: AbortSignal;
}

export interface RunningSandbox extends Running {
  directory: SandboxDirectory;
  configuration: SandboxConfiguration;
  /** Connected as the sandbox's administrator. */
  store: HttpStore;
  processes(): { name: string; pid: number | undefined; restarts: number }[];
}

/** Ends what a sandbox's runtime left behind: containers, mounts, control groups. Its objects and checkpoints stay. */
export async function cleanSandbox(directory: SandboxDirectory, log: Log): Promise<void> {
  const configuration = directory.readConfiguration();
  if (configuration === undefined) return;
  await podmanServiceOf({ clock: new SystemClock(), log }, directory, configuration)?.destroy();
}

/** Longest wait for every node to report Ready. */
const NODES_READY_MILLISECONDS = 60_000;

/** Starts every part as a process of its own and resolves when all nodes are Ready. */
export async function startSandbox(options: SandboxOptions): Promise<RunningSandbox> {
  const directory = new SandboxDirectory(options.directory);
  directory.create();
  claim(directory);
  const { port, schedulerConfig, store: storeUrl, allowStores, encryptTo } = options.configuration;
  const configuration = {
    ...(directory.readConfiguration() ?? options.configuration),
    ...(port === undefined ? {} : { port }),
    ...(schedulerConfig === undefined ? {} : { schedulerConfig }),
    ...(storeUrl === undefined ? {} : { store: storeUrl }),
    ...(allowStores === undefined ? {} : { allowStores }),
    ...(encryptTo === undefined ? {} : { encryptTo }),
  };
  directory.writeConfiguration(configuration);
  if (usesStores(configuration) && !existsSync(directory.keys)) await createKeyFolder(directory.keys);
  const clock = new SystemClock();
  const podman = podmanServiceOf({ clock, log: options.log }, directory, configuration);
  await podman?.prepare();
  let store: HttpStore | undefined;
  const sandbox: Sandbox = new Sandbox(
    {
      clock,
      log: options.log,
      isServing: async () => {
        store ??= new HttpStore(await loadKubeconfig({ path: directory.kubeconfig }));
        await store.list(NODES, { limit: 1 });
      },
      onStarted: () => recordProcesses(directory, sandbox, clock),
    },
    directory,
    partsOf(directory, options.own ?? ownCommand(), podman, configuration),
  );
  const stop = async (): Promise<void> => {
    await store?.close();
    await sandbox.stop();
    await cleanSandbox(directory, options.log);
    release(directory);
  };
  try {
    await sandbox.start(options.signal);
    if (store !== undefined) await installDefinitions(store);
    if (store === undefined) throw new FermataError('SandboxNotServing', 'the API server was never reached');
    await nodesReady(store, configuration, clock, options.signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return { directory, configuration, store, processes: () => sandbox.processes(), stop };
}

function partsOf(
  directory: SandboxDirectory,
  own: OwnCommand,
  podman: PodmanService | undefined,
  { schedulerConfig }: SandboxConfiguration,
): SandboxParts {
  const part = (name: string, ...parameters: string[]): SandboxParts['apiServer'] => ({
    name,
    command: own.command,
    arguments: [...own.arguments, name, '--supervised', ...parameters],
    logFile: directory.logFile(name),
  });
  const service = podman?.command();
  const toCluster = ['--kubeconfig', directory.kubeconfig];
  return {
    apiServer: part('apiserver', '--dir', directory.root),
    others: [
      ...(service === undefined
        ? []
        : [
            {
              name: 'podman',
              command: service.file,
              arguments: service.args,
              environment: service.environment,
              // conmon leaves a file `oom` in the folder it runs in when a memory limit ends a container.
              folder: directory.podman,
              logFile: directory.logFile('podman'),
            },
          ]),
      part('node', '--dir', directory.root),
      // One of each, and the supervisor starts no second one: they need not wait for the Lease of one that was killed.
      part(
        'scheduler',
        ...toCluster,
        '--no-leader-elect',
        '--scheduler-name',
        'fermata',
        '--scheduler-name',
        'default-scheduler',
        ...(schedulerConfig === undefined ? [] : ['--config', schedulerConfig]),
      ),
      part('controller', ...toCluster, '--no-leader-elect'),
    ],
  };
}

/** Who runs, for `fermata down` and for people; `up.json` names the supervisor, so that a second one is refused. */
function recordProcesses(directory: SandboxDirectory, sandbox: Sandbox, clock: Clock): void {
  const record = { pid: process.pid, writtenAt: clock.now(), processes: sandbox.processes() };
  writeAtomically(join(directory.run, 'up.json'), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** The definitions a real cluster needs too: `kubectl get crd` shows them. */
async function installDefinitions(store: HttpStore): Promise<void> {
  for (const definition of customResourceDefinitions()) {
    try {
      await store.create(CUSTOM_RESOURCE_DEFINITIONS, definition);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}

async function nodesReady(
  store: HttpStore,
  configuration: SandboxConfiguration,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = clock.now() + NODES_READY_MILLISECONDS;
  for (;;) {
    const { items } = await store.list(NODES);
    const ready = new Set(
      items.filter((node) => isConditionTrue(node.status?.conditions, 'Ready')).map((node) => node.metadata.name),
    );
    const missing = configuration.nodes.filter(({ name }) => !ready.has(name)).map(({ name }) => name);
    if (missing.length === 0) return;
    if (clock.now() > deadline) {
      throw new FermataError('SandboxNodesNotReady', `not Ready after 60 s: ${missing.join(', ')}`, {
        nextStep: 'read logs/node.log in the folder of the sandbox',
      });
    }
    await clock.sleep(20, signal);
  }
}
