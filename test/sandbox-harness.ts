import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ageTexts, newAgeIdentity } from '../src/checkpoint/index.ts';
import { sandboxConfiguration } from '../src/cli/index.ts';
import { SystemClock } from '../src/clock/index.ts';
import { ClusterObserver, priorityClasses } from '../src/demo/index.ts';
import { PRIORITY_CLASSES, SILENT_LOG } from '../src/model/index.ts';
import { type RunningSandbox, startSandbox } from '../src/roles/index.ts';
import type { RuntimeName } from '../src/runtime/index.ts';
import { InvariantRecorder } from '../src/sandbox/index.ts';

/** How the parts of a sandbox are started from a test. */
export const OWN_COMMAND = {
  command: process.execPath,
  arguments: ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')],
};

export interface TestSandbox {
  sandbox: RunningSandbox;
  observer: ClusterObserver;
  recorder: InvariantRecorder;
  /** For outputs of pods; removed at the end. */
  folder: string;
  clock: SystemClock;
  /** Stops everything and removes the folder. */
  dispose(): Promise<void>;
  /** SIGKILL to one part; the supervisor starts it again. */
  kill(part: string): void;
}

/** A sandbox of its own, with an observer and the judge of the invariants looking on. */
export async function startTestSandbox(options: {
  runtime: RuntimeName;
  nodes?: number;
  cpu?: string;
  memory?: string;
  /** Folder in which the runtime looks for `criu`. Default: where the machine has it. */
  criuDirectory?: string;
  /** Copies of checkpoints go to `store` in the folder, encrypted. Default: there are none. */
  store?: boolean;
  /** Default: they stay. */
  localCopies?: 'keep' | 'wipe';
}): Promise<TestSandbox> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-test-'));
  const configuration = await sandboxConfiguration({
    runtime: options.runtime,
    nodes: String(options.nodes ?? 1),
    nodeCpu: options.cpu ?? '1',
    nodeMemory: options.memory ?? '1Gi',
    nodePods: '20',
    network: 'none',
  });
  const { tools } = configuration;
  const sandbox = await startSandbox({
    directory: join(folder, 'sandbox'),
    configuration: {
      ...configuration,
      ...(options.store === true && (await prepareStore(folder))),
      ...(options.localCopies && { localCopies: options.localCopies }),
      ...(tools && { tools: { ...tools, criuDirectory: options.criuDirectory ?? tools.criuDirectory } }),
    },
    own: OWN_COMMAND,
    log: SILENT_LOG,
  });
  const clock = new SystemClock();
  const dependencies = { store: sandbox.store, clock, random: Math.random, log: SILENT_LOG };
  const observer = new ClusterObserver(dependencies);
  const recorder = new InvariantRecorder(dependencies);
  const signal = AbortSignal.timeout(60_000);
  await Promise.all([observer.start(signal), recorder.start(signal)]);
  await Promise.all(priorityClasses().map((priorityClass) => sandbox.store.create(PRIORITY_CLASSES, priorityClass)));
  return {
    sandbox,
    observer,
    recorder,
    folder,
    clock,
    kill: (part) => {
      const pid = sandbox.processes().find(({ name }) => name === part)?.pid;
      if (pid === undefined) throw new Error(`no process "${part}" runs`);
      process.kill(pid, 'SIGKILL');
    },
    dispose: async () => {
      await Promise.all([observer.stop(), recorder.stop()]);
      await sandbox.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** For somebody beside the nodes, which may read what they store anyway. */
async function prepareStore(folder: string): Promise<{ store: string; encryptTo: string[] }> {
  const recipients = join(folder, 'recipients.txt');
  await writeFile(recipients, `${ageTexts(newAgeIdentity()).recipient}\n`);
  return { store: join(folder, 'store'), encryptTo: [recipients] };
}
