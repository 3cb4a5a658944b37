import { type Command, Option } from 'commander';
import type { WaterMarks } from '../checkpoint/index.ts';
import type { AgentRoleOptions } from '../roles/index.ts';
import { UsageError } from './exit.ts';
import { roleOptions, runRole } from './roles.ts';

const NEEDING_KEYS = {
  store: '--store',
  allowStore: '--allow-store',
  encryptTo: '--encrypt-to',
  localCopies: '--local-copies',
  diskHigh: '--disk-high',
} as const;

export function register(program: Command): void {
  roleOptions(program.command('agent'))
    .description(
      'run the agent of a node: checkpoints pods through its kubelet, and gives them back to it (root, host PID namespace)',
    )
    .option('--node-name <name>', 'the node (default: $NODE_NAME, else the name of this machine)')
    .option('--host-root <folder>', "where the node's root file system is mounted", '/')
    .option(
      '--directory <folder>',
      'on the node, for journal and checkpoints; shared by nodes, pods move between them',
      '/var/lib/fermata',
    )
    .option(
      '--restore-port <number>',
      "on the node's loopback address, where its container runtime pulls checkpoints",
      port,
    )
    .option(
      '--restore-registry <host:port>',
      'how the container runtime reaches it, where it does otherwise; the same on all nodes',
    )
    .option(
      '--store <url>',
      'copy checkpoints there: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY; needs --keys',
    )
    .option('--allow-store <url...>', 'further stores that the policies of owners may name; needs --keys')
    .option('--keys <folder>', 'made by `fermata keys create`, the same on all nodes')
    .option(
      '--encrypt-to <file...>',
      'encrypt what is stored for who is named there (certificates, age recipients), and for the nodes',
    )
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
    .option('--disk-low <percent>', 'until so much of it is used (default: ten less than --disk-high)', share)
    .option('--images-in-memory', 'refuse to run unless the folder of the checkpoints is on a tmpfs')
    .option(
      '--kubelet-url <url>',
      'ask the kubelet there, e.g. https://127.0.0.1:10250 (default: through the API server)',
    )
    .option('--kubelet-ca <file>', "authorities of the kubelet's certificate")
    .option('--kubelet-client-certificate <file>', 'to show to the kubelet')
    .option('--kubelet-client-key <file>', 'of that certificate')
    .option('--kubelet-token-file <file>', 'token to show to the kubelet instead')
    .action(async (flags: AgentRoleOptions & DiskFlags & { supervised?: boolean }) => {
      for (const [flag, option] of Object.entries(NEEDING_KEYS)) {
        if (flags[flag as keyof typeof NEEDING_KEYS] === undefined || flags.keys !== undefined) continue;
        throw new UsageError(`${option} needs --keys`, 'make a folder of keys: fermata keys create FOLDER');
      }
      const { startAgent } = await import('../roles/agent.ts');
      const waterMarks = await waterMarksOf(flags);
      await runRole(() => startAgent({ ...flags, ...(waterMarks && { waterMarks }) }), flags);
    });
}

interface DiskFlags {
  diskHigh?: number;
  diskLow?: number;
}

/** Between two marks so far apart room is made at once, not copy by copy. */
const MARKS_APART = 0.1;

async function waterMarksOf({ diskHigh: high, diskLow }: DiskFlags): Promise<WaterMarks | undefined> {
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

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new UsageError(`${JSON.stringify(text)} is no port`);
  return number;
}
