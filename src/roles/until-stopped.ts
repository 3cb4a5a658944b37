/**
 * Resolves when this process is told to stop: SIGTERM, SIGINT, or, for a child of `fermata up`, the end of its standard
 * input, which comes however its parent dies. A second signal ends the process at once.
 */
export function untilStopped(options: { supervised?: boolean } = {}): Promise<string> {
  return new Promise((resolve) => {
    let told = false;
    const stop = (why: string): void => {
      if (told) process.exit(130);
      told = true;
      resolve(why);
    };
    process.on('SIGTERM', () => stop('SIGTERM'));
    process.on('SIGINT', () => stop('SIGINT'));
    if (options.supervised === true) {
      process.stdin.once('end', () => {
        if (!told) stop('the supervisor ended');
      });
      process.stdin.resume();
      process.stdin.unref?.();
    }
  });
}
