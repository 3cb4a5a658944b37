import { type Command, Option } from 'commander';
import type { WaterMarks } from '../checkpoint/index.ts';
import { UsageError } from './exit.ts';

/** When the copies of checkpoints go from the disk of a node. */
export interface DiskFlags {
  localCopies?: 'keep' | 'wipe';
  diskHigh?: number;
  diskLow?: number;
}

/** Between two marks so far apart room is made at once, not copy by copy. */
const MARKS_APART = 0.1;

export function diskOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--local-copies <keep|wipe>',
        'wipe: data leaves the node once a store has it; restores fetch it from there',
      ).choices(['keep', 'wipe']),
    )
    .option(
      '--disk-high <percent>',
      'above it what a store has goes from the disk of the checkpoints, the oldest first',
      share,
    )
    .option('--disk-low <percent>', 'until so much of it is used (default: ten less than --disk-high)', share);
}

export async function waterMarksOf({ diskHigh: high, diskLow }: DiskFlags): Promise<WaterMarks | undefined> {
  if (high === undefined) {
    if (diskLow !== undefined) throw new UsageError('--disk-low needs --disk-high');
    return undefined;
  }
  const { checkWaterMarks } = await import('../checkpoint/index.ts');
  const marks = { high, low: diskLow ?? high - MARKS_APART };
  try {
    checkWaterMarks(marks);
  } catch (error) {
    throw new UsageError(`--disk-high, --disk-low: ${error instanceof Error ? error.message : String(error)}`);
  }
  return marks;
}

function share(text: string): number {
  const match = /^(\d{1,2}(?:\.\d+)?)%?$/.exec(text);
  if (match === null) throw new UsageError(`${JSON.stringify(text)} is no share of a disk, such as 85%`);
  return Number(match[1]) / 100;
}
