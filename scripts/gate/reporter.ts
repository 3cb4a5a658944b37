import type { TestEvent } from 'node:test/reporters';

/** Starts each line that is for the gate; what a test prints itself does not. */
export const MARK = '\u001e';

/** What the gate wants to know of a run, one JSON line each. */
export type GateEvent =
  | { type: 'file'; file: string; passed: number; failed: number; skipped: number; milliseconds: number }
  | { type: 'failure'; file: string; line: number; name: string; message: string }
  | { type: 'skip'; file: string; name: string; reason: string }
  | { type: 'output'; file: string; text: string }
  | { type: 'end'; passed: number; failed: number; skipped: number };

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  milliseconds: number;
}

/** Reporter for `node --test`: turns its events into the gate's. Tests count, suites do not. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, Tally>();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const names: string[] = [];
  let current: string | undefined;

  for await (const event of source) {
    if (event.type === 'test:start') {
      names.length = event.data.nesting;
      names[event.data.nesting] = event.data.name;
    } else if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { data } = event;
      const file = data.file ?? '';
      if (current !== undefined && current !== file) yield* closeFile(current);
      current = file;
      const isSuite = data.details.type === 'suite';
      const name = [...names.slice(0, data.nesting), data.name].join(' › ');
      const tally = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, milliseconds: 0 };
      files.set(file, tally);
      if (data.nesting === 0) tally.milliseconds += data.details.duration_ms;
      const isSkipped = data.skip !== undefined || data.todo !== undefined;
      if (event.type === 'test:fail' && !isSkipped) {
        const { error } = event.data.details;
        if ('failureType' in error && error.failureType === 'subtestsFailed') continue;
        // A suite that fails by itself has a hook that threw.
        tally.failed += 1;
        yield line({ type: 'failure', file, line: data.line ?? 0, name, message: messageOf(error) });
      } else if (!isSuite && isSkipped) {
        tally.skipped += 1;
        const reason = typeof data.skip === 'string' ? data.skip : typeof data.todo === 'string' ? data.todo : '';
        yield line({ type: 'skip', file, name, reason });
      } else if (!isSuite) tally.passed += 1;
    } else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      yield line({ type: 'output', file: event.data.file ?? '', text: event.data.message });
    }
  }
  if (current !== undefined) yield* closeFile(current);
  yield line({ type: 'end', ...total });

  // A compliance suite is come back to for each implementation: each time counts for itself.
  function* closeFile(file: string): Generator<string> {
    const tally = files.get(file);
    if (tally === undefined) return;
    files.delete(file);
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
    if (tally.passed + tally.failed + tally.skipped > 0) yield line({ type: 'file', file, ...tally });
  }
}

function line(event: GateEvent): string {
  return `\n${MARK}${JSON.stringify(event)}\n`;
}

function messageOf(error: Error): string {
  const cause = error.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
