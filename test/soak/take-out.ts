import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { GUARDS } from './guards.ts';

/**
 * Preloaded (`node --import`) into a process that is to run without one of the product's guards: the sources that hold it
 * are changed on their way into memory. A fragment that is not there exactly once ends the process: the guard has moved,
 * and the table must follow.
 */
const name = process.env.FERMATA_TEST_GUARD ?? '';
const guard = GUARDS[name];
if (guard === undefined) throw new Error(`there is no guard "${name}" to take out`);
const root = fileURLToPath(new URL('../../', import.meta.url));
const pending = new Set(guard.cuts);

registerHooks({
  load(url, context, nextLoad) {
    const mine = guard.cuts.filter(({ file }) => url === new URL(`../../${file}`, import.meta.url).href);
    if (mine.length === 0) return nextLoad(url, context);
    let source = readFileSync(fileURLToPath(url), 'utf8');
    for (const cut of mine) {
      const found = source.split(cut.take).length - 1;
      if (found !== 1) {
        throw new Error(
          `guard "${name}": found ${found} times in ${fileURLToPath(url).slice(root.length)}: ${cut.take}`,
        );
      }
      source = source.replace(cut.take, () => cut.put);
      pending.delete(cut);
    }
    return { format: 'module-typescript', source, shortCircuit: true };
  },
});

process.on('exit', () => {
  const [cut] = pending;
  if (cut !== undefined) {
    process.stderr.write(`guard "${name}": ${cut.file} was never loaded\n`);
    process.exitCode = 3;
  }
});
