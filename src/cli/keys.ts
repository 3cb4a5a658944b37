import type { Command } from 'commander';
import { type OutputFormat, outputOption } from './output.ts';

export interface RotateFlags {
  store: string;
  identity: string[];
  encryptTo: string[];
  namespace?: string;
  dryRun?: boolean;
  output?: OutputFormat;
}

export function register(program: Command): void {
  const keys = program
    .command('keys')
    .description('keys with which checkpoints are stored: make them, change who may read');
  keys
    .command('create <folder>')
    .description('make the keys of a cluster in a new folder, which then is given to all of its nodes')
    .action(async (folder: string) => {
      const { createKeys } = await import('./keys-run.ts');
      await createKeys(folder);
    });
  keys
    .command('rotate')
    .description(
      'say anew who may read what a store holds; the data is not touched, and who is not named any more reads it no more',
    )
    .requiredOption('--store <url>', 'a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .requiredOption(
      '--identity <file...>',
      'private keys that open it now (identity.txt of the keys of the nodes, PEM)',
    )
    .requiredOption(
      '--encrypt-to <file...>',
      'who is to read it from now on; name the nodes too, or they cannot restore',
    )
    .option('-n, --namespace <name>', 'only of this namespace; default: of all in the store')
    .option('--dry-run', 'only say what would be done')
    .addOption(outputOption())
    .action(async (flags: RotateFlags) => {
      const { rotate } = await import('./keys-run.ts');
      await rotate(flags);
    });
}
