import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions } from './cluster.ts';

export interface RecordFlags extends ClusterFlags {
  out: string;
  seconds?: string;
}

export function register(program: Command): void {
  clusterOptions(program.command('record'))
    .description('write what happens to the pods and nodes of a cluster, for fermata simulate (Ctrl-C ends it)')
    .requiredOption('--out <file.jsonl>', 'where to write; a recording that is there is continued')
    .option('--seconds <number>', 'how long (default: until told to stop)')
    .action(async (flags: RecordFlags) => {
      const { record } = await import('./record-run.ts');
      await record(flags);
    });
}
