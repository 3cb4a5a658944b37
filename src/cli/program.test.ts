import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, Option } from 'commander';
import type { CommandEntry } from './commands.ts';
import { ExitStatus, UsageError } from './exit.ts';
import { describeError, run } from './program.ts';

class ThingError extends Error {
  readonly nextStep = 'Start it first.';
}

/** A command `do` whose action is given, and one that must never be loaded. */
function commands(action: (options: { name?: string }) => void, loaded: string[] = []): CommandEntry[] {
  return [
    {
      name: 'do',
      summary: 'do a thing',
      load: () => {
        loaded.push('do');
        return Promise.resolve({
          register: (program: Command) => {
            program
              .command('do [thing]')
              .description('Do a thing.')
              .addOption(new Option('--name <name>'))
              .option('--count <n>')
              .action((_thing: string | undefined, options: { name?: string }) => action(options));
          },
        });
      },
    },
    { name: 'other', summary: 'the other thing', load: () => assert.fail('loaded though not asked for') },
    { name: 'role', summary: 'a process', hidden: true, load: () => assert.fail('loaded though not asked for') },
  ];
}

async function start(
  argv: string[],
  action: (options: { name?: string }) => void = () => {},
): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const status = await run(argv, {
    version: '1.2.3',
    commands: commands(action),
    io: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
    },
  });
  return { status, out, err };
}

const fail = (error: unknown) => () => {
  throw error;
};

const CASES: Readonly<
  Record<string, { argv: string[]; action?: () => void; status: number; out?: RegExp; err?: RegExp }>
> = {
  'prints the version': { argv: ['--version'], status: 0, out: /^1\.2\.3\n$/ },
  'lists commands with their summaries in the help': { argv: ['--help'], status: 0, out: /other +the other thing/ },
  'shows the help of one command': { argv: ['help', 'do'], status: 0, out: /Usage: fermata do .*Do a thing/s },
  'without a command shows the help as an error': { argv: [], status: 2, err: /Usage: fermata/ },
  'suggests the nearest command': {
    argv: ['othr'],
    status: 2,
    err: /unknown command 'othr'\n\(Did you mean other\?\)/,
  },
  'suggests the nearest option': {
    argv: ['do', '--nmae', 'x'],
    status: 2,
    err: /unknown option '--nmae'\n\(Did you mean --name\?\)/,
  },
  'refuses an argument too many': { argv: ['do', 'a', 'b'], status: 2, err: /too many arguments/ },
  'runs the action': { argv: ['do', '--name', 'x'], status: 0 },
  'accepts --no-install before and after the command': { argv: ['--no-install', 'do', '--no-install'], status: 0 },
  'ends with the status an action asks for, and says nothing': {
    argv: ['do'],
    action: fail(new ExitStatus(7)),
    status: 7,
    err: /^$/,
  },
  'prints an error with its next step and no stack': {
    argv: ['do'],
    action: fail(new ThingError('the thing is not running')),
    status: 1,
    err: /^error: the thing is not running\n {2}Start it first\.\n$/,
  },
  'takes wrong use found by an action as wrong use': {
    argv: ['do'],
    action: fail(new UsageError('--name and thing exclude each other')),
    status: 2,
    err: /^error: --name and thing exclude each other\n$/,
  },
};

for (const [sentence, { argv, action, status, out, err }] of Object.entries(CASES)) {
  test(`the command line ${sentence}`, async () => {
    const result = await start(argv, action);
    assert.equal(result.status, status, result.err);
    if (out !== undefined) assert.match(result.out, out);
    if (err !== undefined) assert.match(result.err, err);
  });
}

test('hidden commands stay out of the help', async () => {
  const { out } = await start(['--help']);
  assert.doesNotMatch(out, /role/);
});

test('an error names the causes that add something, and the stack only on request', () => {
  const error = new Error('cannot start', { cause: new Error('cannot start', { cause: new Error('port in use') }) });
  assert.equal(describeError(error, false), 'error: cannot start\n  because: port in use\n');
  assert.match(describeError(error, true), /program\.test\.ts/);
  assert.equal(describeError('text', false), 'error: text\n');
  assert.match(describeError(new TypeError('x is not a function'), false), /a fault of fermata itself/);
});
