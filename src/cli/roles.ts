import type { Command } from 'commander';
import type { Running } from '../roles/index.ts';

/** Runs a long-running role until it is told to stop, then stops it. */
export async function runRole(start: () => Promise<Running>, options: { supervised?: boolean }): Promise<void> {
  const { untilStopped } = await import('../roles/index.ts');
  const stopped = untilStopped(options);
  const running = await start();
  await stopped;
  await running.stop();
}

/** Options every role that talks to a cluster has. */
export function roleOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig to use (default: $KUBECONFIG, ~/.kube/config, in-cluster)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .option('--supervised', 'stop when standard input ends, as a part of a sandbox does');
}
