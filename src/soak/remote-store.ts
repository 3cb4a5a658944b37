import { createHash } from 'node:crypto';
import type { Archive } from '../agent/index.ts';
import { type CheckpointFiles, MemoryFiles } from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';
import { FermataError } from '../model/index.ts';
import { flipBit } from './decay.ts';
import type { FaultStream } from './fault-injector.ts';
import type { StoreFault } from './fault-rates.ts';
import type { Recorder } from './recorder.ts';
import type { WorldAlarms } from './world-alarms.ts';

type Upload = Parameters<Archive['upload']>[0];
type Stored = Awaited<ReturnType<Archive['upload']>>;
type Download = Parameters<Archive['download']>[0];
type Name = Parameters<Archive['remove']>[0];

const URL = 's3://soak/checkpoints';
/** Mean of what the store takes when it is slow, ms. */
const SLOW_MILLISECONDS = 30_000;
/** Mean time from a request until what it was about has gone bad in the store, or is gone from it, ms. */
const DECAY_MILLISECONDS = 1_800_000;
/** Of an upload that was cut off: nobody takes it for whole. */
const CUT_OFF_SUFFIX = '.cut-off';
const FETCHING_SUFFIX = '.fetching';

/**
 * The store off the nodes, as long as the world lasts: whole archives, and what was left of uploads that were cut off. It is a model of
 * what `src/checkpoint/archive` promises of any store; the format, its keys and its transports have their own tests.
 */
export class RemoteStore {
  readonly files = new MemoryFiles();

  /** UIDs of the PodCheckpoints of which it holds something. */
  archives(): string[] {
    return this.files.directories().map((path) => path.slice(path.lastIndexOf('/') + 1).replace(CUT_OFF_SUFFIX, ''));
  }
}

interface RemoteArchiveParts {
  node: string;
  /** Of the node. */
  disk: CheckpointFiles;
  /** Of the process: what it has begun ends with it. */
  clock: Clock;
  stream: FaultStream;
  rates: Partial<Record<StoreFault, number>>;
  recorder: Recorder;
  alarms: WorldAlarms;
}

/** The store as the process of one node reaches it: slowly, or not at all, or until the connection breaks; and what it holds decays. */
export class RemoteArchive implements Archive {
  readonly url = URL;
  readonly encrypts = false;
  readonly #store: RemoteStore;
  readonly #parts: RemoteArchiveParts;

  constructor(store: RemoteStore, parts: RemoteArchiveParts) {
    this.#store = store;
    this.#parts = parts;
  }

  async upload({ directory, signal, ...name }: Upload): Promise<Stored> {
    const { files } = this.#store;
    const isCutOff = await this.#meets(name, signal);
    const target = pathOf(name);
    await copy(this.#parts.disk, directory, files, `${target}${CUT_OFF_SUFFIX}`);
    if (isCutOff) throw failed('the connection was reset');
    await files.remove(target);
    await files.rename(`${target}${CUT_OFF_SUFFIX}`, target);
    const { digest, sizeBytes } = await digestOf(files, target);
    return { digest, sizeBytes, sentBytes: sizeBytes, encrypted: false };
  }

  async download({ directory, digest, signal, ...name }: Download): Promise<void> {
    const { files } = this.#store;
    const { disk, node, recorder } = this.#parts;
    const isCutOff = await this.#meets(name, signal);
    const source = pathOf(name);
    if ((await files.list(source)) === undefined) {
      throw new FermataError('ArchiveMissing', `${URL}: there is no archive ${source}`);
    }
    if (digest !== undefined && (await digestOf(files, source)).digest !== digest) {
      throw new FermataError('ArchiveCorrupt', `${URL}: archive ${source} is another one than was stored`);
    }
    const aside = `${directory}${FETCHING_SUFFIX}`;
    try {
      await copy(files, source, disk, aside);
      if (isCutOff) throw failed('the connection was reset');
    } catch (error) {
      await disk.remove(aside);
      throw error;
    }
    await disk.remove(directory);
    await disk.rename(aside, directory);
    recorder.add({ kind: 'fetch', node, directory, from: `${URL}${source}` });
  }

  async holds({ digest, ...name }: Name & { digest: string }, signal: AbortSignal): Promise<boolean> {
    if (await this.#meets(name, signal)) throw failed('the connection was reset');
    const { files } = this.#store;
    const source = pathOf(name);
    return (await files.list(source)) !== undefined && (await digestOf(files, source)).digest === digest;
  }

  async remove(name: Name, signal: AbortSignal): Promise<void> {
    if (await this.#meets(name, signal)) throw failed('the connection was reset');
    const { files } = this.#store;
    await files.remove(`${pathOf(name)}${CUT_OFF_SUFFIX}`);
    await files.remove(pathOf(name));
  }

  /** What goes wrong with one request; true: it breaks off in the middle. */
  async #meets(name: Name, signal: AbortSignal): Promise<boolean> {
    const { clock, stream, rates, alarms } = this.#parts;
    const fault = stream.choose('store', rates);
    if (fault === 'unreachable') throw failed('connect ECONNREFUSED');
    if (fault === 'slow') await clock.sleep(stream.chance.exponential(SLOW_MILLISECONDS), signal);
    if (fault === 'rot' || fault === 'loss') {
      alarms.after(stream.chance.exponential(DECAY_MILLISECONDS), () => void this.#decay(name, fault));
    }
    signal.throwIfAborted();
    return fault === 'cutOff';
  }

  async #decay(name: Name, fault: 'rot' | 'loss'): Promise<void> {
    const { files } = this.#store;
    const { stream, recorder } = this.#parts;
    const path = pathOf(name);
    const held = (await files.list(path))?.filter(({ kind }) => kind === 'file') ?? [];
    const file = held[stream.chance.integer(0, Math.max(0, held.length - 1))];
    if (file === undefined) return;
    if (fault === 'loss') await files.remove(path);
    else await flipBit(files, path, file.path, stream.chance);
    recorder.add({ kind: 'fault', fault: `store/${fault}`, target: file.path, directory: `${URL}${path}` });
  }
}

function pathOf({ tenant, archive }: Name): string {
  return `/${tenant}/${archive}`;
}

async function copy(from: CheckpointFiles, source: string, to: CheckpointFiles, target: string): Promise<void> {
  await to.remove(target);
  for (const { kind, path } of (await from.list(source)) ?? []) {
    if (kind === 'file') await to.write(target, path, await from.read(source, path, Number.MAX_SAFE_INTEGER));
  }
}

async function digestOf(files: MemoryFiles, directory: string): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const { kind, path } of (await files.list(directory)) ?? []) {
    if (kind !== 'file') continue;
    const bytes = await files.read(directory, path, Number.MAX_SAFE_INTEGER);
    sizeBytes += bytes.length;
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

function failed(why: string): FermataError {
  return new FermataError('StoreFailed', `${URL}: ${why}`);
}
