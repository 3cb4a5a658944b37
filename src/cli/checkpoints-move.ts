import { open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  exportContainer,
  metered,
  parseImageReference,
  pushCheckpointImage,
  tarBytes,
  writeTar,
} from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import type { SourceFlags } from './checkpoints.ts';
import { oneContainer, withCheckpoint } from './checkpoints-source.ts';
import { printResult } from './output.ts';
import { TransferProgress } from './transfer-progress.ts';

/** Whole or not at all, and flushed. */
export async function exportTo(source: string, flags: SourceFlags & { file: string }): Promise<void> {
  const target = resolve(flags.file);
  await withCheckpoint(source, flags, async (checkpoint, signal) => {
    const container = oneContainer(checkpoint, flags.container);
    const { entries } = await exportContainer(checkpoint.directory, container, checkpoint.pod);
    const draft = join(dirname(target), `.${process.pid}.exporting`);
    try {
      const handle = await open(draft, 'wx', 0o600);
      const progress = new TransferProgress('exporting');
      try {
        const meter = progress.meter(tarBytes(entries));
        for await (const piece of metered(writeTar(entries), meter)) {
          signal.throwIfAborted();
          await handle.appendFile(piece);
        }
        await handle.sync();
      } finally {
        progress.stop();
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

/** As OCI names what Node runs on. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export async function push(source: string, image: string, flags: SourceFlags): Promise<void> {
  const reference = parseImageReference(image);
  await withCheckpoint(source, flags, async (checkpoint, signal) => {
    const container = oneContainer(checkpoint, flags.container);
    const { pod, directory } = checkpoint;
    const exported = await exportContainer(directory, container, pod);
    const architecture = ARCHITECTURES[process.arch] ?? process.arch;
    const progress = new TransferProgress('pushing');
    const options = { architecture, signal, onProgress: progress.show, ...(pod === undefined ? {} : { pod }) };
    const dependencies = { clock: new SystemClock() };
    const digest = await pushCheckpointImage(dependencies, reference, container, exported, options).finally(() =>
      progress.stop(),
    );
    await printResult(
      { image, digest, container },
      flags.output,
      () => `${image} is ${digest}. It is not encrypted.\n`,
    );
  });
}
