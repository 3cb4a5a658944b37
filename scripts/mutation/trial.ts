import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { collected } from './collected-tests.ts';

/** What a trial thread is given. */
export interface TrialOrder {
  /** URL of the file with the fault, and its source; undefined: no fault. */
  readonly mutant: { readonly url: string; readonly source: string } | undefined;
  /** URLs, in the order to run them. */
  readonly tests: readonly string[];
}

/** What it answers: the first test that failed, or that there was none. */
export interface TrialOutcome {
  readonly failed: string | undefined;
  readonly tests: number;
}

const { mutant, tests } = workerData as TrialOrder;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'node:test') return next(specifier, context);
    return { url: new URL('./collected-tests.ts', import.meta.url).href, shortCircuit: true };
  },
  load(url, context, next) {
    if (url !== mutant?.url) return next(url, context);
    return { format: 'module-typescript', source: mutant.source, shortCircuit: true };
  },
});

parentPort?.postMessage(await outcome());

async function outcome(): Promise<TrialOutcome> {
  let ran = 0;
  for (const file of tests) {
    try {
      await import(file);
    } catch (error) {
      return { failed: `${file}: ${String(error)}`, tests: ran };
    }
    for (const { name, run } of collected.splice(0)) {
      try {
        await run();
      } catch {
        return { failed: name, tests: ran };
      }
      ran += 1;
    }
  }
  return { failed: undefined, tests: ran };
}
