import { type Command, Option } from 'commander';
import type { UpFlags } from './sandbox-start.ts';

export function register(program: Command): void {
  program
    .command('up')
    .description(
      'start a Kubernetes-compatible cluster with Fermata on this machine, to try it out (not for production);\nCtrl-C or `fermata down` stops it',
    )
    .option('--dir <folder>', 'where it keeps everything (default: ~/.local/state/fermata/sandbox)')
    .option('--port <number>', 'port of its API server on 127.0.0.1 (default: the one it had, else a free one)')
    .option('--detach', 'return as soon as the nodes are Ready')
    .addOption(
      new Option('--runtime <name>', 'podman: real containers and CRIU; simulated: neither').choices([
        'podman',
        'simulated',
      ]),
    )
    .option('--nodes <number>', 'how many nodes the machine is split into', '1')
    .option('--node-cpu <quantity>', 'cpu of each node', '2')
    .option('--node-memory <quantity>', 'memory of each node', '2Gi')
    .option('--node-pods <number>', 'most pods of each node', '110')
    .addOption(
      new Option('--network <name>', 'none: pods have loopback only; bridge: each pod has an address')
        .choices(['none', 'bridge'])
        .default('none'),
    )
    .option('--store <url>', 'copy checkpoints there: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .option('--allow-store <url...>', 'further stores that policies may name')
    .option(
      '--encrypt-to <file...>',
      'encrypt what is stored for who is named there (certificates, age recipients), and for the nodes',
    )
    .addOption(
      new Option(
        '--local-copies <keep|wipe>',
        'wipe: data leaves the nodes once a store has it; restores fetch it from there',
      ).choices(['keep', 'wipe']),
    )
    .option('--config <file>', 'KubeSchedulerConfiguration in YAML for its scheduler; may change at each start')
    .action(async (flags: UpFlags, command: Command) => {
      const { up } = await import('./sandbox-start.ts');
      await up(flags, (name) => command.getOptionValueSource(name) === 'cli');
    });
}
