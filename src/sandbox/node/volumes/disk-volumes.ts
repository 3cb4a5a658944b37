import { chmod, lstat, mkdir, open, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { FermataError, type Pod, reasonOf, type Volume } from '../../../model/index.ts';
import type { PodVolumes } from './pod-volumes.ts';
import type { VolumeFile } from './volume-files.ts';

type HostPath = NonNullable<Volume['hostPath']>;

/**
 * Volumes as folders: `<directory>/<pod uid>/volumes/<volume>`. The pod's folder is the node's alone (0700), so that
 * Secrets below it are unreadable to other users of the machine whatever their modes; inside the pod the modes hold. An
 * `emptyDir` of medium Memory is a plain folder too: it survives in a checkpoint the same way.
 */
export class DiskVolumes implements PodVolumes {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async prepare(pod: Pod, files: ReadonlyMap<string, readonly VolumeFile[]>): Promise<Record<string, string>> {
    const own = join(this.#directory, pod.metadata.uid);
    await mkdir(join(own, 'volumes'), { recursive: true, mode: 0o700 });
    const folders: Record<string, string> = {};
    for (const volume of pod.spec.volumes ?? []) {
      folders[volume.name] = await this.#prepareOne(join(own, 'volumes', volume.name), volume, files.get(volume.name));
    }
    return folders;
  }

  async remove(podUid: string): Promise<void> {
    await rm(join(this.#directory, podUid), { recursive: true, force: true });
  }

  async list(): Promise<string[]> {
    try {
      return (await readdir(this.#directory)).sort();
    } catch (error) {
      if (isCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  async #prepareOne(folder: string, volume: Volume, files: readonly VolumeFile[] | undefined): Promise<string> {
    if (volume.hostPath !== undefined) return hostPath(volume.name, volume.hostPath);
    if (files !== undefined) {
      await writeFiles(folder, files);
      return folder;
    }
    if (volume.emptyDir !== undefined) {
      await mkdir(folder, { recursive: true });
      // Any user of the container may write (the kubelet does the same); mkdir's mode would be cut by the umask.
      await chmod(folder, 0o777);
      return folder;
    }
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'nothing';
    throw new FermataError('VolumeMissing', `volume "${volume.name}": ${kind} is not supported by the sandbox`, {
      nextStep: 'use emptyDir, hostPath, configMap, secret, downwardAPI or projected',
    });
  }
}

async function writeFiles(folder: string, files: readonly VolumeFile[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  for (const { path, content, mode } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o755 });
    // A file of an earlier try may be read-only.
    await rm(target, { force: true });
    await writeFile(target, content, { mode: 0o600 });
    await chmod(target, mode);
  }
}

/** Checks or makes what `hostPath.type` asks for and gives its real path, so that no link can be swapped underneath. */
async function hostPath(volume: string, { path, type = '' }: HostPath): Promise<string> {
  const refuse = (reason: string, cause?: unknown): FermataError =>
    new FermataError('VolumeMissing', `MountVolume.SetUp failed for volume "${volume}" : hostPath ${path} ${reason}`, {
      ...(cause === undefined ? {} : { cause }),
      nextStep: 'create the path on the machine, or use DirectoryOrCreate or FileOrCreate',
    });
  if (!isAbsolute(path) || path.split('/').includes('..')) throw refuse('must be absolute and without ".."');
  const wanted = normalize(path);
  try {
    if (type === 'DirectoryOrCreate' || (type === '' && !(await present(wanted)))) {
      await mkdir(wanted, { recursive: true, mode: 0o755 });
    } else if (type === 'FileOrCreate') {
      await (await open(wanted, 'a', 0o644)).close();
    }
    const real = await realpath(wanted);
    const found = await stat(real);
    const fits =
      type === '' ||
      (type.startsWith('Directory') && found.isDirectory()) ||
      (type.startsWith('File') && found.isFile()) ||
      (type === 'Socket' && found.isSocket()) ||
      (type === 'CharDevice' && found.isCharacterDevice()) ||
      (type === 'BlockDevice' && found.isBlockDevice());
    if (!fits) throw refuse(`is not a ${type.replace('OrCreate', '')}`);
    return real;
  } catch (error) {
    if (error instanceof FermataError) throw error;
    throw refuse(isCode(error, 'ENOENT') ? 'does not exist' : `cannot be used: ${reasonOf(error)}`, error);
  }
}

async function present(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
