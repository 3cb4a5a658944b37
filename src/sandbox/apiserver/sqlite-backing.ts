import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Backing, BackingState, Version } from '../../kubernetes/index.ts';
import { FermataError, type KubeObject, reasonOf } from '../../model/index.ts';
import { jsonOf } from './http/json-text.ts';

/** `Ferm`: marks the file as Fermata's in its header (`PRAGMA application_id`). */
const APPLICATION_ID = 0x4665726d;
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE version (revision INTEGER PRIMARY KEY, key TEXT NOT NULL, value TEXT) STRICT;
  CREATE INDEX version_key ON version (key, revision);
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), revision INTEGER NOT NULL, compacted INTEGER NOT NULL) STRICT;
  INSERT INTO state VALUES (0, 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Of each key, the versions that a newer one at or before the compacted revision hides, and deletions. */
const COMPACT = `
  DELETE FROM version WHERE revision <= :upTo AND (value IS NULL OR EXISTS (
    SELECT 1 FROM version AS newer
    WHERE newer.key = version.key AND newer.revision > version.revision AND newer.revision <= :upTo))
`;

/**
 * Keeps the versions of a Registry in one SQLite file, which a killed server finds again whole.
 *
 * Write-ahead log with `synchronous = NORMAL`: a commit is a `write(2)` to the log before the answer goes out, so it
 * survives the death of the process in any way (SIGKILL included), at 30 µs instead of the milliseconds of an fsync.
 * What a loss of power can take is the last commits, never the file's integrity; a single machine that lost power has
 * lost its running containers as well.
 *
 * The lock is exclusive: a second server on the same file is refused, instead of two of them disagreeing.
 */
export class SqliteBacking implements Backing {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  #revision = 0;

  /**
   * @throws FermataError `StateInUse`, `StateTooNew`, `StateCorrupt` (damaged, or not a database of Fermata's)
   */
  constructor(path: string) {
    this.#path = path;
    try {
      // Secrets are kept in it: its owner's alone, and so are the log files SQLite puts beside it.
      closeSync(openSync(path, 'a', 0o600));
      this.#database = new DatabaseSync(path, { timeout: 0 });
    } catch (error) {
      throw this.#failure(error);
    }
    try {
      this.#prepare();
      this.#insert = this.#database.prepare('INSERT INTO version (revision, key, value) VALUES (?, ?, ?)');
    } catch (error) {
      this.#database.close();
      throw error instanceof FermataError ? error : this.#failure(error);
    }
  }

  load(): BackingState {
    try {
      const state = this.#database.prepare('SELECT revision, compacted FROM state').get() ?? {};
      const versions = this.#database
        .prepare('SELECT revision, key, value FROM version ORDER BY revision')
        .all()
        .map(toVersion);
      this.#revision = Math.max(Number(state.revision), versions.at(-1)?.revision ?? 0);
      return { revision: this.#revision, compacted: Number(state.compacted), versions };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  write(versions: readonly Version[]): void {
    let expected = this.#revision;
    for (const { revision } of versions) {
      expected++;
      if (revision !== expected) throw new RangeError(`revision ${revision} does not follow ${expected - 1}`);
    }
    try {
      const [only] = versions;
      if (versions.length === 1 && only !== undefined) this.#append(only);
      else
        this.#inTransaction(() => {
          for (const version of versions) this.#append(version);
        });
    } catch (error) {
      throw new FermataError('StateWriteFailed', `cannot write to ${this.#path}: ${reasonOf(error)}`, {
        cause: error,
        nextStep: 'see that the disk is not full and the file is writable; nothing of this write was kept',
      });
    }
    this.#revision = expected;
  }

  compact(revision: number): void {
    this.#inTransaction(() => {
      this.#database.prepare(COMPACT).run({ upTo: revision });
      this.#database
        .prepare('UPDATE state SET revision = max(revision, ?), compacted = max(compacted, ?)')
        .run(this.#revision, revision);
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(): void {
    // In exclusive mode the log's index lives in memory, and the lock is kept from the first access on.
    this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const version = this.#pragma('user_version');
    if (version > SCHEMA_VERSION) {
      throw new FermataError(
        'StateTooNew',
        `${this.#path} was written by a newer Fermata (schema ${version}, this one knows ${SCHEMA_VERSION})`,
        { nextStep: 'use that version again, or another directory' },
      );
    }
    if (version === 0) {
      const { tables } = this.#database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {};
      if (Number(tables) !== 0) throw new Error('it is a database of another program');
      this.#inTransaction(() => this.#database.exec(SCHEMA));
      return;
    }
    if (this.#pragma('application_id') !== APPLICATION_ID) throw new Error('it is a database of another program');
    const check = Object.values(this.#database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
    if (check !== 'ok') throw new Error(String(check));
  }

  #pragma(name: string): number {
    return Number(Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  }

  #append(version: Version): void {
    const value = version.value === undefined ? null : jsonOf(version.value);
    this.#insert.run(version.revision, version.key, value);
  }

  #inTransaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #failure(error: unknown): FermataError {
    const reason = reasonOf(error);
    if (/locked|busy/.test(reason)) {
      return new FermataError('StateInUse', `${this.#path} is in use by another process`, {
        cause: error,
        nextStep: 'stop the sandbox of this directory first (`fermata down --dir …`), or choose another directory',
      });
    }
    return new FermataError('StateCorrupt', `${this.#path} cannot be read: ${reason}`, {
      cause: error,
      nextStep: 'move the file away to begin with an empty cluster, or put a backup in its place',
    });
  }
}

function toVersion(row: Record<string, unknown>): Version {
  const { revision, key, value } = row;
  const object = typeof value === 'string' ? (JSON.parse(value) as KubeObject) : undefined;
  return { revision: Number(revision), key: String(key), value: object };
}
