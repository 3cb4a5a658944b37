import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Journal, type JournalEntry, MemoryJournal } from './journal.ts';
import { SqliteJournal } from './sqlite-journal.ts';

function entry(checkpointUid: string, change: Partial<JournalEntry> = {}): JournalEntry {
  return {
    checkpointUid,
    namespace: 'ns',
    name: `checkpoint-${checkpointUid}`,
    podUid: 'pod',
    folder: `ns_c_${checkpointUid}`,
    leaveRunning: false,
    timeoutMilliseconds: 1000,
    step: 'dumping',
    orderedAt: 5,
    template: { metadata: { labels: { a: 'ä"\n' } }, spec: { containers: [] } },
    emptyDirs: ['e'],
    ...change,
  };
}

/** What holds for every journal. `reopen` gives it back as a process finds it that is started after the death of another. */
function journalCompliance(
  name: string,
  make: () => { journal: Journal; reopen: () => Journal; end: () => void },
): void {
  test(`${name}: entries come back as they were put, oldest first, also after a death`, () => {
    const { journal, reopen, end } = make();
    journal.put(entry('b'));
    journal.put(entry('a'));
    const sealed = entry('b', {
      step: 'sealed',
      manifestDigest: 'sha256:0',
      containers: [{ name: 'c', sizeBytes: 9 }],
    });
    journal.put(sealed);
    assert.deepEqual(journal.entries(), [sealed, entry('a')]);
    assert.deepEqual(reopen().entries(), [sealed, entry('a')]);
    end();
  });

  test(`${name}: what is deleted is gone, and deleting it again is harmless`, () => {
    const { journal, reopen, end } = make();
    journal.put(entry('a'));
    journal.delete('a');
    journal.delete('a');
    assert.deepEqual(journal.entries(), []);
    assert.deepEqual(reopen().entries(), []);
    end();
  });

  test(`${name}: an entry that is altered outside leaves the journal as it is`, () => {
    const { journal, end } = make();
    const given = entry('a');
    journal.put(given);
    given.step = 'sealed';
    for (const got of journal.entries()) got.step = 'sealed';
    assert.equal(journal.entries()[0]?.step, 'dumping');
    end();
  });
}

journalCompliance('memory', () => {
  const journal = new MemoryJournal();
  return { journal, reopen: () => journal, end: () => journal.close() };
});

journalCompliance('SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-journal-'));
  const file = join(folder, 'journal.db');
  const journal = new SqliteJournal(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const opened: Journal[] = [journal];
  return {
    journal,
    // Without closing the first: it was killed.
    reopen: () => {
      const again = new SqliteJournal(file);
      opened.push(again);
      return again;
    },
    end: () => {
      for (const one of opened) one.close();
      rmSync(folder, { recursive: true });
    },
  };
});

test('a journal that cannot be opened says which and what to do', () => {
  assert.throws(() => new SqliteJournal('/nonexistent/journal.db'), {
    code: 'JournalUnreadable',
    message: /\/nonexistent\/journal\.db/,
  });
});
