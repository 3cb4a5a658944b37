import { createReadStream } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import {
  CheckpointArchive,
  exportContainer,
  importContainer,
  parseImageReference,
  pullCheckpointImage,
  pushCheckpointImage,
  readKeyFolder,
  writeTar,
} from '../checkpoint/index.ts';
import { rfc3339, SystemClock } from '../clock/index.ts';
import type { SourceFlags } from './checkpoints.ts';
import { archiveName, oneContainer, withCheckpoint, withStore } from './checkpoints-source.ts';
import { UsageError } from './exit.ts';
import { printResult } from './output.ts';

/** Whole or not at all, and flushed. */
export async function exportTo(source: string, flags: SourceFlags & { file: string }): Promise<void> {
  const target = resolve(flags.file);
  await withCheckpoint(source, flags, async (checkpoint) => {
    const container = oneContainer(checkpoint, flags.container);
    const { entries } = await exportContainer(checkpoint.directory, container, checkpoint.pod);
    const draft = join(dirname(target), `.${process.pid}.exporting`);
    try {
      const handle = await open(draft, 'wx', 0o600);
      try {
        for await (const piece of writeTar(entries)) await handle.appendFile(piece);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, target);
    } finally {
      await rm(draft, { force: true });
    }
    const result = { container, file: target };
    await printResult(result, flags.output, () => `Container ${container} is in ${target}. It is not encrypted.\n`);
  });
}

export async function importFrom(
  file: string,
  folder: string | undefined,
  flags: { store?: string; keys?: string; encryptTo?: string[]; as?: string },
): Promise<void> {
  const { store: url, keys: keyFolder, encryptTo = [] } = flags;
  if ((folder === undefined) === (url === undefined)) {
    throw new UsageError('import takes a folder to be made, or --store');
  }
  if (folder !== undefined) {
    const { name } = await importContainer(createReadStream(file), resolve(folder));
    process.stdout.write(`Container ${name} is in ${resolve(folder)}.\n`);
    return;
  }
  if (url === undefined || keyFolder === undefined || flags.as === undefined) {
    throw new UsageError('what goes to a store needs --keys FOLDER and --as NAMESPACE/ARCHIVE');
  }
  const as = archiveName(flags.as);
  const keys = await readKeyFolder(keyFolder, encryptTo);
  const work = await mkdtemp(join(tmpdir(), 'fermata-import-'));
  try {
    const directory = join(work, 'checkpoint');
    const { name } = await importContainer(createReadStream(file), directory);
    const clock = new SystemClock();
    const stored = await withStore(url, (store) =>
      new CheckpointArchive({ store, clock, keys }).upload({
        ...as,
        directory,
        createdAt: rfc3339(clock.now()),
        signal: new AbortController().signal,
      }),
    );
    const encrypted = stored.encrypted ? 'encrypted' : 'not encrypted';
    process.stdout.write(`Container ${name} is stored as ${flags.as}, ${stored.sentBytes} bytes sent, ${encrypted}.\n`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** As OCI names what Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export async function push(source: string, image: string, flags: SourceFlags): Promise<void> {
  const reference = parseImageReference(image);
  await withCheckpoint(source, flags, async (checkpoint) => {
    const container = oneContainer(checkpoint, flags.container);
    const { pod, directory } = checkpoint;
    const exported = await exportContainer(directory, container, pod);
    const architecture = ARCHITECTURES[process.arch] ?? process.arch;
    const digest = await pushCheckpointImage({ clock: new SystemClock() }, reference, container, exported, {
      architecture,
      ...(pod === undefined ? {} : { pod }),
    });
    await printResult(
      { image, digest, container },
      flags.output,
      () => `${image} is ${digest}. It is not encrypted.\n`,
    );
  });
}

export async function pull(image: string, folder: string): Promise<void> {
  const archive = pullCheckpointImage({ clock: new SystemClock() }, parseImageReference(image));
  const { name } = await importContainer(archive, resolve(folder));
  process.stdout.write(`Container ${name} is in ${resolve(folder)}.\n`);
}
