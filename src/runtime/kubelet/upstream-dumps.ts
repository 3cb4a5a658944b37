import { createHash } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { conditionOf, FermataError, type NodePodCheckpoint } from '../../model/index.ts';
import type { UpstreamCheckpoints } from './upstream-checkpoints.ts';
import { UPSTREAM_RECORD, type UpstreamRecord } from './upstream-record.ts';

/** Of a kubelet whose `--root-dir` is the default. */
const KUBELET_POD_CHECKPOINTS = '/var/lib/kubelet/pod-checkpoints';
/** A kubelet that knows these objects takes one up at once; others never do (KEP-5823, version skew). */
const TAKEN_UP_MILLISECONDS = 10_000;
/** How much longer than the dump may take the kubelet's word is waited for. */
const ANSWER_GRACE_MILLISECONDS = 15_000;
const POLL_MILLISECONDS = 100;
/** What was missing may have been put there. */
const BELIEVED_MILLISECONDS = 10 * 60_000;

/** A pod that is to be dumped, and its containers that run. */
export interface PodToDump {
  namespace: string;
  name: string;
  uid: string;
  nodeName: string;
  containers: readonly { name: string; image: string }[];
}

/**
 * Dumps by the kubelet's own `PodCheckpoint` (KEP-5823). What it writes is the container runtime's, opaque, and stays where the
 * kubelet put it; the directory of the dump holds a note of it. The contract says nothing of who removes it: this does.
 */
export class UpstreamDumps {
  readonly #upstream: UpstreamCheckpoints;
  readonly #clock: Clock;
  readonly #root: string;
  #lackedAt: number | undefined;

  /** @param root the node's `/` as seen here */
  constructor(parts: { upstream: UpstreamCheckpoints; clock: Clock }, root: string) {
    this.#upstream = parts.upstream;
    this.#clock = parts.clock;
    this.#root = root;
  }

  /** Whether it is worth to ask: false while a server without the kind, or a kubelet that took none up, is remembered. */
  get mayBeServed(): boolean {
    return this.#lackedAt === undefined || this.#clock.now() - this.#lackedAt >= BELIEVED_MILLISECONDS;
  }

  /** Throws FermataError `CheckpointUnsupported`, `DumpTimeout`, `DumpFailed`; {@link discard} clears away what is left then. */
  async take(
    pod: PodToDump,
    directory: string,
    timeoutMilliseconds: number,
    signal: AbortSignal,
  ): Promise<UpstreamRecord> {
    const key = { namespace: pod.namespace, name: nameOf(directory) };
    const note: UpstreamRecord = { ...key, containers: [] };
    await this.discard(directory);
    // Before the object: a crash must not leave one that nobody knows of.
    await this.#write(directory, note);
    const timeoutSeconds = Math.min(3600, Math.max(1, Math.ceil(timeoutMilliseconds / 1000)));
    const refusal = await this.#upstream.create({ ...key, pod, timeoutSeconds }, signal);
    if (refusal !== undefined) throw this.#lack(refusal.refused);
    const made = await this.#made(key, timeoutMilliseconds, signal);
    const folder = await this.#folderOf(made, pod);
    const record = {
      ...note,
      folder,
      containers: shares(pod.containers, await bytesIn(folder)),
      template: templateOf(made),
    };
    await this.#write(directory, record);
    return record;
  }

  /** Whether what the note tells of is still there. */
  async isThere(directory: string): Promise<boolean> {
    const record = await this.#read(directory);
    if (record?.folder === undefined || !isReady(await this.#upstream.get(record))) return false;
    return (await bytesIn(record.folder)) > 0;
  }

  /** Removes object and data, if there are any; a dump under way cannot be called off, and is waited for. Idempotent. */
  async discard(directory: string): Promise<void> {
    const record = await this.#read(directory);
    if (record === undefined) return;
    const made = await this.#ended(record);
    await this.#upstream.delete(record);
    // The name of the folder is in the contract; until it is Ready the object does not tell it.
    const folder =
      record.folder ?? (made && join(this.#root, KUBELET_POD_CHECKPOINTS, `checkpoint-${made.metadata.uid}`));
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    await rm(join(directory, UPSTREAM_RECORD), { force: true });
  }

  /** As it is at its end, or when its time is up. */
  async #ended(record: UpstreamRecord): Promise<NodePodCheckpoint | undefined> {
    const begun = this.#clock.monotonic();
    for (;;) {
      const seen = await this.#upstream.get(record);
      if (conditionOf(seen?.status?.conditions, 'Ready')?.reason !== 'CheckpointInProgress') return seen;
      const given = (seen?.spec.timeoutSeconds ?? 0) * 1000 + ANSWER_GRACE_MILLISECONDS;
      if (this.#clock.monotonic() - begun > given) return seen;
      await this.#clock.sleep(POLL_MILLISECONDS);
    }
  }

  async #made(
    key: { namespace: string; name: string },
    timeoutMilliseconds: number,
    signal: AbortSignal,
  ): Promise<NodePodCheckpoint> {
    const { namespace, name } = key;
    const begun = this.#clock.monotonic();
    for (;;) {
      const seen = await this.#upstream.get(key, signal);
      const passed = this.#clock.monotonic() - begun;
      const ready = conditionOf(seen?.status?.conditions, 'Ready');
      if (seen !== undefined && ready?.status === 'True') return seen;
      const what = `PodCheckpoint ${namespace}/${name} of node.k8s.io`;
      if (seen === undefined) throw new FermataError('DumpFailed', `${what} was removed before it was complete`);
      if (ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced') {
        throw new FermataError('DumpFailed', `${what}: ${ready.reason}: ${ready.message ?? ''}`);
      }
      if ((ready === undefined || ready.reason === 'Pending') && passed > TAKEN_UP_MILLISECONDS) {
        throw this.#lack(`no kubelet has taken up ${what} after ${TAKEN_UP_MILLISECONDS / 1000} s`);
      }
      if (passed > timeoutMilliseconds + ANSWER_GRACE_MILLISECONDS) {
        throw new FermataError('DumpTimeout', `${what} was not complete after ${Math.round(passed)} ms`);
      }
      await this.#clock.sleep(POLL_MILLISECONDS, signal);
    }
  }

  /** Believes `Ready` only of this very pod, on this node, whole, with data where the contract puts it. */
  async #folderOf({ metadata, status = {} }: NodePodCheckpoint, pod: PodToDump): Promise<string> {
    const { nodeName, sourcePodUID, checkpointLocation, checkpointedContainers = [] } = status;
    const path = checkpointLocation?.nodeLocal?.path;
    const top = join(this.#root, KUBELET_POD_CHECKPOINTS);
    const folder = resolve(top, path ?? '.');
    const missing = pod.containers.find(({ name }) => !checkpointedContainers.some((one) => one.name === name));
    const wrong =
      (sourcePodUID !== pod.uid && `it is of pod ${sourcePodUID}`) ||
      (nodeName !== pod.nodeName && `it was made on node ${nodeName}`) ||
      (checkpointLocation?.type !== 'NodeLocal' &&
        `it lies in ${checkpointLocation?.type}, of which this agent knows nothing`) ||
      (missing !== undefined && `container ${missing.name} is not in it`) ||
      (!folder.startsWith(`${top}/`) && `its path ${JSON.stringify(path)} leads out of the kubelet's folder`) ||
      ((await bytesIn(folder)) === 0 && `there is nothing in ${folder}`);
    if (wrong === false) return folder;
    throw new FermataError('DumpFailed', `PodCheckpoint ${metadata.name} of node.k8s.io is Ready, but ${wrong}`);
  }

  #lack(message: string): FermataError {
    this.#lackedAt = this.#clock.now();
    return new FermataError('CheckpointUnsupported', `no PodCheckpoint of node.k8s.io can be had: ${message}`, {
      nextStep: 'nothing: the checkpoint endpoint of the kubelet is used instead',
    });
  }

  async #write(directory: string, record: UpstreamRecord): Promise<void> {
    await writeFile(join(directory, `${UPSTREAM_RECORD}.new`), JSON.stringify(record), { mode: 0o600 });
    await rename(join(directory, `${UPSTREAM_RECORD}.new`), join(directory, UPSTREAM_RECORD));
  }

  async #read(directory: string): Promise<UpstreamRecord | undefined> {
    try {
      return JSON.parse(await readFile(join(directory, UPSTREAM_RECORD), 'utf8')) as UpstreamRecord;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** The same for the same dump, so that one that was cut off is found again. */
function nameOf(directory: string): string {
  return `fermata-${createHash('sha256').update(basename(directory)).digest('hex').slice(0, 16)}`;
}

function isReady(seen: NodePodCheckpoint | undefined): boolean {
  return conditionOf(seen?.status?.conditions, 'Ready')?.status === 'True';
}

function templateOf({ metadata, status }: NodePodCheckpoint): object {
  const spec = status?.checkpointedPodTemplate?.spec;
  if (spec !== undefined) return spec;
  throw new FermataError(
    'DumpFailed',
    `PodCheckpoint ${metadata.name} of node.k8s.io is Ready, but records no pod template`,
  );
}

/** The data is one whole; each container is said to have an equal part of it. */
function shares(containers: PodToDump['containers'], bytes: number): UpstreamRecord['containers'] {
  return containers.map(({ name, image }, index) => {
    const share = Math.floor(bytes / containers.length);
    return { name, image, sizeBytes: index === 0 ? bytes - share * (containers.length - 1) : share };
  });
}

/** 0 when there is no such folder. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return bytes;
}
