/** Exit status of a program ended by Ctrl-C, as shells expect it. */
const INTERRUPTED = 130;

/**
 * Aborts on the first SIGINT, SIGTERM or SIGHUP, so that a command can put things back; a second SIGINT ends at once.
 * `dispose()` takes the listeners away again.
 */
export function abortOnInterrupt(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const listener = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted && name === 'SIGINT') process.exit(INTERRUPTED);
    controller.abort(new Error(`interrupted by ${name}`));
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}

/** Gives `work` such a signal. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, dispose } = abortOnInterrupt();
  try {
    return await work(signal);
  } finally {
    dispose();
  }
}
