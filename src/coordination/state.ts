import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { FermataError, reasonOf } from '../model/index.ts';

/**
 * What a coordinator must know again after its own death. Calls are synchronous; with `durable` the entry survives the machine
 * too when the call returns, without it at least the process.
 */
export interface CoordinationState {
  entries(): [key: string, value: string][];
  put(key: string, value: string, durable?: boolean): void;
  delete(key: string): void;
  close(): void;
}

/** Lives as long as the object: for tests, and for coordinators that need not outlive their process. */
export class MemoryState implements CoordinationState {
  readonly #entries = new Map<string, string>();

  entries(): [string, string][] {
    return [...this.#entries];
  }

  put(key: string, value: string): void {
    this.#entries.set(key, value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  close(): void {}
}

/** One SQLite file (0600). */
export class SqliteState implements CoordinationState {
  readonly #database: DatabaseSync;
  readonly #insert;
  readonly #remove;

  /** @param file absolute; its folder exists. Throws FermataError `CoordinatorStateUnreadable`. */
  constructor(file: string) {
    try {
      this.#database = new DatabaseSync(file);
      chmodSync(file, 0o600);
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
      this.#database.exec('CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
      this.#insert = this.#database.prepare(
        'INSERT INTO entry (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      );
      this.#remove = this.#database.prepare('DELETE FROM entry WHERE key = ?');
    } catch (error) {
      throw new FermataError(
        'CoordinatorStateUnreadable',
        `the coordinator's state ${file} cannot be opened: ${reasonOf(error)}`,
        {
          cause: error,
          nextStep: 'look at the disk it lies on, or name another file with --state',
        },
      );
    }
  }

  entries(): [string, string][] {
    const rows = this.#database.prepare('SELECT key, value FROM entry ORDER BY key').all();
    return rows.map((row) => [String(row.key), String(row.value)]);
  }

  put(key: string, value: string, durable = false): void {
    if (!durable) {
      this.#insert.run(key, value);
      return;
    }
    this.#database.exec('PRAGMA synchronous = FULL');
    try {
      this.#insert.run(key, value);
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }

  delete(key: string): void {
    this.#remove.run(key);
  }

  close(): void {
    this.#database.close();
  }
}
