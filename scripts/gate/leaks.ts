import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StageContext, StageResult } from './stage.ts';
import { oneCheck } from './stage.ts';

/**
 * What a test run may leave behind, looked at before and after. Processes, mounts and folders are told apart by the run's own
 * mark, so other work on the machine is not blamed; namespaces and control groups are when they are new and empty.
 */
export interface Snapshot {
  /** `pid command` of processes that carry the run's mark or live in a container kept in the run's folder. */
  processes: string[];
  /** Mount points inside the run's folder. */
  mounts: string[];
  /** Named network namespaces that no process is in. */
  networkNamespaces: string[];
  /** Control groups of containers that no process is in. */
  controlGroups: string[];
  /** Entries of the run's folder, and the `fermata-*` beside it. */
  folders: string[];
}

/** Daemons of a stopped container take a moment to go. */
const SETTLE_MILLISECONDS = 10_000;
const LOOK_EVERY_MILLISECONDS = 250;

export type Run = Pick<StageContext, 'runFolder' | 'runId'>;

/** One line for everything that is there now and was not before. */
export function newIn(before: Snapshot, after: Snapshot): string[] {
  const kinds: [keyof Snapshot, string][] = [
    ['processes', 'process'],
    ['mounts', 'mount'],
    ['networkNamespaces', 'network namespace'],
    ['controlGroups', 'control group'],
    ['folders', 'temporary folder'],
  ];
  return kinds.flatMap(([kind, word]) =>
    after[kind].filter((entry) => !before[kind].includes(entry)).map((entry) => `${word} left behind: ${entry}`),
  );
}

/** Looks until nothing is left, or ten seconds have passed. */
export async function findLeaks(before: Snapshot, run: Run, signal: AbortSignal): Promise<StageResult> {
  const deadline = performance.now() + SETTLE_MILLISECONDS;
  for (;;) {
    const left = newIn(before, await takeSnapshot(run));
    if (left.length === 0 || performance.now() > deadline) return oneCheck(left);
    await sleep(LOOK_EVERY_MILLISECONDS, undefined, { signal });
  }
}

/** On a system without /proc only folders are seen. */
export async function takeSnapshot(run: Run): Promise<Snapshot> {
  const processIds = (await list('/proc')).filter((name) => /^\d+$/.test(name));
  const mounts = (await read('/proc/self/mounts')).split('\n').map((line) => line.split(' '));
  return {
    processes: await markedProcesses(processIds, run),
    mounts: mounts.map(([, target]) => target ?? '').filter((target) => target.startsWith(run.runFolder)),
    networkNamespaces: await emptyNamespaces(
      processIds,
      mounts.filter(([, , type]) => type === 'nsfs').map(([, target]) => target ?? ''),
    ),
    controlGroups: await emptyControlGroups(),
    folders: [
      ...(await list(run.runFolder)).map((name) => join(run.runFolder, name)),
      ...(await foldersBeside(processIds, run)),
    ],
  };
}

/** A test that does not heed TMPDIR leaves its folder beside the run's. While other tests run on this machine, it may be theirs. */
async function foldersBeside(processIds: readonly string[], run: Run): Promise<string[]> {
  const others = await Promise.all(
    processIds.map(async (pid) => {
      const isTest = (await read(`/proc/${pid}/cmdline`)).split('\0').includes('--test');
      return isTest && !(await read(`/proc/${pid}/environ`)).split('\0').includes(`FERMATA_TEST_RUN=${run.runId}`);
    }),
  );
  if (others.includes(true)) return [];
  return (await list(dirname(run.runFolder)))
    .filter((name) => name.startsWith('fermata-'))
    .map((name) => join(dirname(run.runFolder), name))
    .filter((path) => path !== run.runFolder);
}

async function markedProcesses(processIds: readonly string[], run: Run): Promise<string[]> {
  const ownMounts = await link('/proc/self/ns/mnt');
  const found = await Promise.all(
    processIds.map(async (pid) => {
      if (Number(pid) === process.pid) return [];
      const environment = await read(`/proc/${pid}/environ`);
      const command = (await read(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
      const isMarked = environment.split('\0').includes(`FERMATA_TEST_RUN=${run.runId}`);
      const isContained = async (): Promise<boolean> =>
        (await link(`/proc/${pid}/ns/mnt`)) !== ownMounts &&
        (await read(`/proc/${pid}/mountinfo`)).includes(run.runFolder);
      return isMarked || command.includes(run.runFolder) || (await isContained()) ? [`${pid} ${command}`] : [];
    }),
  );
  return found.flat();
}

async function emptyNamespaces(processIds: readonly string[], mounted: readonly string[]): Promise<string[]> {
  const named = mounted.filter((target) => target.includes('/netns/'));
  if (named.length === 0) return [];
  const inUse = new Set(await Promise.all(processIds.map((pid) => link(`/proc/${pid}/ns/net`))));
  const found = await Promise.all(
    named.map(async (target) => {
      const inode = await stat(target).then(
        (figures) => figures.ino,
        () => undefined,
      );
      return inode === undefined || inUse.has(`net:[${inode}]`) ? [] : [target];
    }),
  );
  return found.flat();
}

/** Podman's: `libpod-<id>` under `libpod_parent` (cgroupfs) or `machine.slice` (systemd), in every hierarchy. */
async function emptyControlGroups(): Promise<string[]> {
  const root = '/sys/fs/cgroup';
  const hierarchies = ['', ...(await list(root))];
  const parents = hierarchies.flatMap((name) =>
    ['libpod_parent', 'machine.slice'].map((parent) => join(root, name, parent)),
  );
  const groups = await Promise.all(
    parents.map(async (parent) =>
      (await list(parent)).filter((name) => name.startsWith('libpod-')).map((name) => join(parent, name)),
    ),
  );
  const empty = await Promise.all(
    groups.flat().map(async (group) => {
      const members = await read(join(group, 'cgroup.procs'));
      const inner = await Promise.all((await list(group)).map((name) => read(join(group, name, 'cgroup.procs'))));
      return [members, ...inner].every((text) => text.trim() === '') ? [group] : [];
    }),
  );
  return empty.flat();
}

/** Things of /proc vanish while they are looked at; what is gone is no leak. */
async function read(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

async function list(path: string): Promise<string[]> {
  return (await readdir(path).catch(() => [])).sort();
}

async function link(path: string): Promise<string> {
  return await readlink(path).catch(() => '');
}
