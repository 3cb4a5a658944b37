import { type FSWatcher, watch } from 'node:fs';
import { type Log, reasonOf } from '../../model/index.ts';

const CONTAINER_ID = /^[0-9a-f]{64}$/;

/**
 * Tells of containers that end, the moment conmon writes their exit file: sooner than Podman's events, and whether or not its
 * service is up.
 */
export class ExitWatch {
  readonly #directory: string;
  readonly #log: Log;
  readonly #onExit: (container: string) => void;
  #watcher: FSWatcher | undefined;

  constructor(parts: { log: Log }, directory: string, onExit: (container: string) => void) {
    this.#log = parts.log;
    this.#directory = directory;
    this.#onExit = onExit;
  }

  /** Idempotent. Throws when the folder is not there (the service was never prepared). */
  start(): void {
    if (this.#watcher !== undefined) return;
    const watcher = watch(this.#directory, (_, file) => {
      if (file !== null && CONTAINER_ID.test(file)) this.#onExit(file);
    });
    watcher.on('error', (error) => {
      this.#log.warn({ reason: reasonOf(error) }, 'no longer told of containers that end; watching anew');
      this.stop();
    });
    this.#watcher = watcher;
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
