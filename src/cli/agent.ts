import type { Command } from 'commander';
import type { AgentRoleOptions } from '../roles/index.ts';
import { type DiskFlags, diskOptions, waterMarksOf } from './disk-options.ts';
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
  diskOptions(roleOptions(program.command('agent')))
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

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new UsageError(`${JSON.stringify(text)} is no port`);
  return number;
}
