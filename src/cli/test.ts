import type { Command } from 'commander';
import { ExitStatus, UsageError } from './exit.ts';
import { abortOnInterrupt } from './interrupt.ts';

/** `fermata test`: the gate that every change passes. */
export function register(program: Command): void {
  program
    .command('test')
    .description(
      'Run the gate: lint, types, doors, unit and property tests, end-to-end tests, virtual days under faults, and a look for what they left behind.\n' +
        'The last line is "N passed, N failed, N skipped".',
    )
    .option(
      '--only <part...>',
      'only these stages (lint, types, doors, unit, end-to-end, soak), or the test files whose path contains this',
    )
    .option('--cluster', 'only the tests on a real cluster: the one that $KUBECONFIG names')
    .action(async (options: { only?: string[]; cluster?: boolean }) => {
      const { runGate, UnknownPart } = await import('../../scripts/gate/index.ts');
      const { signal, dispose } = abortOnInterrupt();
      try {
        const status = await runGate({
          only: [...(options.only ?? []), ...(options.cluster === true ? ['cluster'] : [])],
          signal,
          say: (line) => process.stdout.write(`${line}\n`),
        });
        throw new ExitStatus(status);
      } catch (error) {
        if (error instanceof UnknownPart) throw new UsageError(error.message);
        throw error;
      } finally {
        dispose();
      }
    });
}
