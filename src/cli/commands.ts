import type { Command } from 'commander';

/**
 * What a command's file exports: adds itself, with arguments, options and action, to the program. Imports at the top of such a
 * file are paid for by `--help` too: load heavy rooms inside the action.
 */
export interface CommandModule {
  register(program: Command): void;
}

export interface CommandEntry {
  name: string;
  /** One line, as `fermata --help` shows it. */
  summary: string;
  /** Long-running processes that `up` and a cluster's manifests start: left out of the help's list. */
  hidden?: boolean;
  load(): Promise<CommandModule>;
}

/** Every command, in the order of the help. A new one is a file beside this one and a line here. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'doctor',
    summary: 'show what this machine has, what works, and how to fix what does not',
    load: () => import('./doctor.ts'),
  },
  {
    name: 'test',
    summary: 'run the gate: lint, types, doors, unit, property and end-to-end tests',
    load: () => import('./test.ts'),
  },
];
