import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Version } from '../../kubernetes/index.ts';
import { FermataError } from '../../model/index.ts';
import { SqliteBacking } from './sqlite-backing.ts';

function version(revision: number, name: string, value?: string): Version {
  if (value === undefined) return { revision, key: `/configmaps/default/${name}`, value: undefined };
  const metadata = { name, uid: name, resourceVersion: String(revision), creationTimestamp: value };
  return { revision, key: `/configmaps/default/${name}`, value: { apiVersion: 'v1', kind: 'ConfigMap', metadata } };
}

function withFile(use: (path: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'fermata-state-'));
  try {
    use(join(directory, 'state.db'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function withBacking<T>(path: string, use: (backing: SqliteBacking) => T): T {
  const backing = new SqliteBacking(path);
  try {
    return use(backing);
  } finally {
    backing.close();
  }
}

function loaded(path: string): { revision: number; compacted: number; versions: Version[] } {
  return withBacking(path, (backing) => {
    const { versions, ...rest } = backing.load();
    return { ...rest, versions: [...versions] };
  });
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FermataError && error.code === code && error.nextStep !== undefined;
}

test('a new file is empty, and what was written is there after opening it again', () => {
  withFile((path) => {
    assert.deepEqual(loaded(path), { revision: 0, compacted: 0, versions: [] });
    const versions = [version(1, 'a', 'x'), version(2, 'b', 'y'), version(3, 'a')];
    withBacking(path, (backing) => {
      backing.load();
      backing.write(versions.slice(0, 1));
      backing.write(versions.slice(1));
    });
    assert.deepEqual(loaded(path), { revision: 3, compacted: 0, versions });
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

test('compaction keeps the newest version of each living key, all later ones, and the last revision', () => {
  withFile((path) => {
    withBacking(path, (backing) => {
      backing.load();
      backing.write([version(1, 'a', '1'), version(2, 'a', '2'), version(3, 'gone', '3'), version(4, 'gone')]);
      backing.write([version(5, 'a', '5'), version(6, 'b', '6')]);
      backing.compact(4);
    });
    const versions = [version(2, 'a', '2'), version(5, 'a', '5'), version(6, 'b', '6')];
    assert.deepEqual(loaded(path), { revision: 6, compacted: 4, versions });
    withBacking(path, (backing) => {
      backing.load();
      backing.write([version(7, 'a'), version(8, 'b')]);
      backing.compact(8);
    });
    assert.deepEqual(loaded(path), { revision: 8, compacted: 8, versions: [] });
  });
});

test('revisions that do not follow each other are refused, and nothing of them is written', () => {
  withFile((path) => {
    withBacking(path, (backing) => {
      backing.load();
      backing.write([version(1, 'a', '1')]);
      assert.throws(() => backing.write([version(2, 'a', '2'), version(4, 'a', '4')]), RangeError);
    });
    assert.equal(loaded(path).revision, 1);
  });
});

test('a second server on the same file is refused while the first one lives', () => {
  withFile((path) => {
    withBacking(path, (backing) => {
      backing.load();
      assert.throws(() => new SqliteBacking(path), hasCode('StateInUse'));
    });
    assert.equal(loaded(path).revision, 0);
  });
});

test('a file from a newer version is left alone, with a message that says so', () => {
  withFile((path) => {
    withBacking(path, (backing) => backing.load());
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    assert.throws(() => new SqliteBacking(path), hasCode('StateTooNew'));
  });
});

test('garbage, a truncated file and a database of another program are refused as corrupt', () => {
  withFile((path) => {
    writeFileSync(path, 'this is no database, however long one looks at it '.repeat(100));
    assert.throws(() => new SqliteBacking(path), hasCode('StateCorrupt'));
  });
  withFile((path) => {
    withBacking(path, (backing) => {
      backing.load();
      for (let revision = 1; revision <= 400; revision++)
        backing.write([version(revision, `n${revision}`, 'x'.repeat(500))]);
    });
    truncateSync(path, 40_960);
    assert.throws(() => loaded(path), hasCode('StateCorrupt'));
  });
  withFile((path) => {
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE other (x)');
    database.close();
    assert.throws(() => new SqliteBacking(path), hasCode('StateCorrupt'));
  });
});
