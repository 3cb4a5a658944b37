import { type Command, Option } from 'commander';
import { type OutputFormat, outputOption } from './output.ts';

export interface DemoFlags {
  runtime?: 'podman' | 'simulated';
  memory: string;
  output?: OutputFormat;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('see an urgent pod take the place of a computing one, and that one go on without a step lost')
    .addOption(
      new Option('--runtime <name>', 'podman: real containers and CRIU; simulated: neither').choices([
        'podman',
        'simulated',
      ]),
    )
    .option('--memory <MiB>', 'memory the interrupted process holds', '256')
    .addOption(outputOption())
    .action(async (flags: DemoFlags) => {
      const { demo } = await import('./demo-run.ts');
      await demo(flags);
    });
}
