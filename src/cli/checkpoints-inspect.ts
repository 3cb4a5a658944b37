import { join } from 'node:path';
import {
  diffContainers,
  type InspectedContainer,
  type InspectedProcess,
  inspectContainer,
} from '../checkpoint/index.ts';
import { bytes } from './bytes.ts';
import type { SourceFlags } from './checkpoints.ts';
import { oneContainer, withCheckpoint } from './checkpoints-source.ts';
import { printResult, table } from './output.ts';
import { printable } from './printable.ts';
import { inTreeOrder } from './process-tree.ts';

export async function inspect(source: string, flags: SourceFlags): Promise<void> {
  await withCheckpoint(source, flags, async (checkpoint) => {
    const names = flags.container === undefined ? checkpoint.containers : [oneContainer(checkpoint, flags.container)];
    const containers: (InspectedContainer & { name: string })[] = [];
    for (const name of names) containers.push({ name, ...(await inspectContainer(join(checkpoint.directory, name))) });
    await printResult({ source, containers }, flags.output, () => containers.map(describe).join('\n'));
  });
}

export async function diff(first: string, second: string, flags: SourceFlags): Promise<void> {
  await withCheckpoint(first, flags, (before) =>
    withCheckpoint(second, flags, async (after) => {
      const [one, other] = [oneContainer(before, flags.container), oneContainer(after, flags.container)];
      const result = await diffContainers(join(before.directory, one), join(after.directory, other));
      await printResult(result, flags.output, () => {
        const rows = result.memory.map((process) => [
          String(process.pid),
          String(process.samePages),
          String(process.changedPages),
          String(process.addedPages),
          String(process.removedPages),
        ]);
        const files = [
          ...result.openedFiles.map((file) => `+ ${printable(file)}\n`),
          ...result.closedFiles.map((file) => `- ${printable(file)}\n`),
        ];
        return `${table(['PID', 'SAME PAGES', 'CHANGED', 'ADDED', 'REMOVED'], rows)}${files.join('')}`;
      });
    }),
  );
}

function describe({ name, processes, mounts, statistics }: InspectedContainer & { name: string }): string {
  const lines = [`container ${name}`];
  for (const { process, depth } of inTreeOrder(processes)) {
    const indent = '  '.repeat(depth + 1);
    lines.push(`${indent}${titleOf(process)}`, ...detailsOf(process, `${indent}    `));
  }
  lines.push(
    '  mounts',
    ...mounts.map(({ mountPoint, source }) => `    ${printable(mountPoint)} (${printable(source)})`),
  );
  if (statistics !== undefined) {
    lines.push('  statistics', ...Object.entries(statistics).map(([key, value]) => `    ${key} ${value}`));
  }
  return `${lines.join('\n')}\n`;
}

function titleOf({ pid, name, commandLine, threads }: InspectedProcess): string {
  const command = commandLine.length === 0 ? name : printable(commandLine.join(' '));
  return `${pid} ${command}${threads > 1 ? ` (${threads} threads)` : ''}`;
}

function detailsOf({ openFiles, memory, workingDirectory }: InspectedProcess, indent: string): string[] {
  return [
    ...(workingDirectory === '' ? [] : [`${indent}cwd ${printable(workingDirectory)}`]),
    ...openFiles.map(({ descriptor, kind, name }) => `${indent}${descriptor} ${kind} ${printable(name)}`),
    ...memory
      .filter(({ savedBytes }) => savedBytes > 0)
      .map(
        ({ start, end, access, name, savedBytes, sizeBytes }) =>
          `${indent}${start}-${end} ${access} ${bytes(savedBytes)} of ${bytes(sizeBytes)} ${printable(name)}`,
      ),
  ];
}
