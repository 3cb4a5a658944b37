import { Command, CommanderError } from 'commander';
import type { CommandEntry } from './commands.ts';
import { EXIT, ExitStatus, UsageError } from './exit.ts';

export interface ProgramIo {
  out(text: string): void;
  err(text: string): void;
}

export interface RunOptions {
  version: string;
  /** `kubectl fermata` when started as its plugin; default `fermata`. */
  name?: string;
  commands: readonly CommandEntry[];
  io: ProgramIo;
  /** Print the stack of unexpected errors (FERMATA_DEBUG=1). */
  debug?: boolean;
}

/**
 * Runs one command line (without `node` and the script). Never throws: returns the exit status.
 * Only the named command's file is loaded; the others are names in the help.
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  const { io, debug = false } = options;
  try {
    const program = await buildProgram(argv, options);
    await program.parseAsync(withoutLauncherOptions(argv), { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ExitStatus) return error.status;
    // Commander has printed its message (or the help, or the version) by then.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.err(describeError(error, debug));
    return error instanceof UsageError ? EXIT.usage : EXIT.failure;
  }
}

/** `error: what happened`, then the next step; causes that add something; the stack only when asked for. */
export function describeError(error: unknown, debug: boolean): string {
  const lines = [`error: ${reasonOf(error)}`];
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    const reason = reasonOf(cause);
    if (!lines.some((line) => line.includes(reason))) lines.push(`  because: ${reason}`);
  }
  const nextStep = nextStepOf(error);
  if (nextStep !== undefined) lines.push(`  ${nextStep}`);
  if (!debug && (error instanceof TypeError || error instanceof ReferenceError)) {
    lines.push('  This is a fault of fermata itself; FERMATA_DEBUG=1 shows where.');
  }
  if (debug && error instanceof Error && error.stack !== undefined) lines.push(error.stack);
  return `${lines.join('\n')}\n`;
}

/** FermataError's and UsageError's; by shape, since loading the model's schemas would double the time of every start. */
function nextStepOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('nextStep' in error)) return undefined;
  return typeof error.nextStep === 'string' ? error.nextStep : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

async function buildProgram(argv: readonly string[], options: RunOptions): Promise<Command> {
  const { commands, io, name = 'fermata', version } = options;
  const program = new Command(name)
    .description(
      'Interrupts running work in a Kubernetes cluster by checkpoint/restore instead of killing it:\n' +
        'urgent pods start at once, and what was computed goes on where it stopped.',
    )
    .version(version, '-V, --version', 'print the version')
    .option('--no-install', 'never install anything; say what is missing instead')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError(`(see ${name} --help)`);
  const words = argv.filter((argument) => !argument.startsWith('-'));
  const wanted = words[0] === 'help' ? words[1] : words[0];
  for (const entry of commands) {
    if (entry.name === wanted) {
      const module = await entry.load();
      module.register(program);
    } else {
      program.command(entry.name, { hidden: entry.hidden ?? false }).description(entry.summary);
    }
  }
  return program;
}

/** `--no-install` is the launcher's, and may stand anywhere before `--`. */
function withoutLauncherOptions(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.filter((argument, index) => argument !== '--no-install' || (end !== -1 && index > end));
}
