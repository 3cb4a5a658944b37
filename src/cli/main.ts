import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

// Before anything else is imported: what is cached is most of a start's time. Best effort, a read-only clone goes without.
const compileCache = fileURLToPath(new URL('node_modules/.cache/compile', root));
enableCompileCache(compileCache);
// Threads have it from here only: half of what starting one takes.
process.env.NODE_COMPILE_CACHE ??= compileCache;

const [{ run, describeError }, { COMMANDS }] = await Promise.all([import('./program.ts'), import('./commands.ts')]);

const debug = process.env.FERMATA_DEBUG === '1';

// `fermata … | head` is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.stderr.write(describeError(error, debug));
    process.exit(1);
  });
}

const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
process.exitCode = await run(process.argv.slice(2), {
  version,
  commands: COMMANDS,
  name: process.env.FERMATA_COMMAND_NAME ?? 'fermata',
  io: { out: (text) => process.stdout.write(text), err: (text) => process.stderr.write(text) },
  debug,
});
