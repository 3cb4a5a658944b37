import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { FermataError, reasonOf } from '../model/index.ts';
import type { Journal, JournalEntry } from './journal.ts';

/**
 * A journal in one SQLite file (0600). Every call is one committed transaction that outlives the process (`write(2)` to the
 * write-ahead log); it is not synced. A power failure takes the node's pods with it, and what an agent finds after one are
 * images that are whole or are not, whatever the journal says of them: syncing would only make the preemptor wait, 100 ms where
 * the pages of the dump lie on the same file system.
 */
export class SqliteJournal implements Journal {
  readonly #database: DatabaseSync;

  /** @param file absolute; its folder exists. Throws FermataError `JournalUnreadable`. */
  constructor(file: string) {
    try {
      this.#database = new DatabaseSync(file);
      chmodSync(file, 0o600);
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000');
      this.#database.exec(
        'CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY AUTOINCREMENT, checkpoint TEXT NOT NULL UNIQUE, body TEXT NOT NULL)',
      );
    } catch (error) {
      throw new FermataError('JournalUnreadable', `the agent's journal ${file} cannot be opened: ${reasonOf(error)}`, {
        cause: error,
        nextStep: 'look at the disk it lies on; without it the agent does not know which dumps were under way',
      });
    }
  }

  entries(): JournalEntry[] {
    const rows = this.#database.prepare('SELECT body FROM entry ORDER BY number').all();
    return rows.map((row) => JSON.parse(String(row.body)) as JournalEntry);
  }

  put(entry: JournalEntry): void {
    this.#database
      .prepare(
        'INSERT INTO entry (checkpoint, body) VALUES (?, ?) ON CONFLICT (checkpoint) DO UPDATE SET body = excluded.body',
      )
      .run(entry.checkpointUid, JSON.stringify(entry));
  }

  delete(checkpointUid: string): void {
    this.#database.prepare('DELETE FROM entry WHERE checkpoint = ?').run(checkpointUid);
  }

  close(): void {
    this.#database.close();
  }
}
