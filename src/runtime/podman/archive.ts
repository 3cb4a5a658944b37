import { constants } from 'node:fs';
import { copyFile, link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FermataError } from '../../model/index.ts';
import type { ConnectionEnds } from '../tcp-connections.ts';
import type { PodmanContainer } from './containers.ts';
import type { OciConfiguration } from './oci.ts';

/** What a checkpoint directory says about its pod; written last, so that its presence means the dump is complete. */
export interface PodDumpRecord {
  version: 1;
  uid: string;
  namespace: string;
  name: string;
  /** Infra container whose namespaces the containers shared. */
  infra?: string;
  /** Connections between the containers were open: the network is to be locked until all are restored. */
  tcpEstablished: boolean;
  /** Of a pod on a bridge: its address, without which its connections cannot go on. */
  address?: string;
  /** Of a pod with an address: connections that lead out of it, as `address:port` of the other end. */
  leadingOut?: string[];
  /** Connections that are to be closed when it is restored. */
  closing?: ConnectionEnds[];
  /** Containers that were dumped, each in the folder of its name. */
  dumped: DumpedContainer[];
  /** Containers that had ended before: name → `exitCode:startedAt:finishedAt`. */
  ended: Record<string, string>;
}

export interface DumpedContainer {
  name: string;
  /** Podman's id of the container that was dumped. */
  id: string;
  image: string;
  imageID: string;
  /** CRIU's images: file name → bytes. CRIU reads on for ever behind the end of a page file that was cut short. */
  images: Record<string, number>;
}

const RECORD = 'pod.dump';

export async function writeRecord(directory: string, record: PodDumpRecord): Promise<void> {
  await writeFile(join(directory, `${RECORD}.new`), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(join(directory, `${RECORD}.new`), join(directory, RECORD));
}

/** Undefined when the directory holds no complete dump. */
export async function readRecord(directory: string): Promise<PodDumpRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, RECORD), 'utf8')) as PodDumpRecord;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function forgetRecord(directory: string): Promise<void> {
  await rm(join(directory, RECORD), { force: true });
}

/** A log up to here is copied; a longer one is linked, which costs no time, and its container never writes to it again. */
const COPIED_LOG_BYTES = 8 * 1024 * 1024;

/** The files beside CRIU's images, in the layout checkpointctl and Podman read: `config.dump`, `spec.dump`, and the log so far. */
export async function writeContainerFiles(
  directory: string,
  container: PodmanContainer,
  config: OciConfiguration,
  log: { path: string; final: boolean },
  now: number,
): Promise<void> {
  const dump = {
    id: container.id,
    name: container.name,
    rootfsImage: container.image,
    rootfsImageRef: container.imageID,
    rootfsImageName: container.image,
    runtime: 'runc',
    ...(container.startedAt !== undefined && { createdTime: new Date(container.startedAt).toISOString() }),
    checkpointedTime: new Date(now).toISOString(),
    restored: false,
  };
  await writeFile(join(directory, 'config.dump'), JSON.stringify(dump), { mode: 0o600 });
  await writeFile(join(directory, 'spec.dump'), JSON.stringify(config), { mode: 0o600 });
  const copy = join(directory, 'ctr.log');
  const size = await stat(log.path).then(
    (found) => found.size,
    () => undefined, // a container that never wrote may have no log
  );
  if (size === undefined) return;
  if (log.final && size > COPIED_LOG_BYTES) {
    try {
      await link(log.path, copy);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    }
  }
  await copyFile(log.path, copy, constants.COPYFILE_FICLONE);
}

/** CRIU's images of one container with their sizes. Throws FermataError `DumpFailed` when one that always is there is not. */
export async function imageSizes(directory: string): Promise<Record<string, number>> {
  const folder = join(directory, 'checkpoint');
  const names = (await readdir(folder)).sort();
  const missing = ['inventory.img', 'pstree.img', 'descriptors.json'].filter((name) => !names.includes(name));
  if (!names.some((name) => /^core-\d+\.img$/.test(name))) missing.push('core-*.img');
  if (missing.length > 0) throw new FermataError('DumpFailed', `CRIU left no ${missing.join(', no ')} in ${folder}`);
  const sizes = await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).size] as const));
  return Object.fromEntries(sizes);
}

/** What is not as the record says, in words; undefined when every image is there in its full length. */
export async function imageDefect(directory: string, dumped: DumpedContainer): Promise<string | undefined> {
  for (const [name, size] of Object.entries(dumped.images)) {
    const path = join(directory, dumped.name, 'checkpoint', name);
    const found = await stat(path).then(
      (status) => status.size,
      () => undefined,
    );
    if (found === undefined) return `${path} is missing`;
    if (found !== size) return `${path} has ${found} bytes instead of ${size}`;
  }
  return undefined;
}
