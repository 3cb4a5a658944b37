import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seededRandom } from '../../clock/index.ts';
import { removeArchive } from '../archive/discard.ts';
import { ArchiveGround } from '../archive/testing-ground.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { collectGarbage } from './collect.ts';

const signal = new AbortController().signal;
const HOUR = 3_600_000;
const NO_GRACE = { youngMilliseconds: 0, abandonedMilliseconds: 24 * HOUR };

async function keysOf(store: BlobStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

test('what only a removed archive needed goes after the grace, and what another shares with it stays', async () => {
  using ground = new ArchiveGround();
  let now = 1e12;
  const store = new MemoryStore(() => now);
  const shared = randomBytes(300_000);
  const first = ground.directory('first', { 'checkpoint/pages-1.img': shared, own: randomBytes(200_000) });
  const second = ground.directory('second', { 'checkpoint/pages-1.img': shared, other: randomBytes(1000) });
  await ground.upload(store, first, 'one');
  await ground.upload(store, second, 'two', { basedOn: ['one'] });
  const lone = ground.directory('lone', { file: randomBytes(100_000) });
  await ground.upload(store, lone, 'three');
  await removeArchive(store, { tenant: 'team-a', archive: 'one' }, signal);
  await removeArchive(store, { tenant: 'team-a', archive: 'three' }, signal);
  now += 2 * HOUR;

  const before = await keysOf(store);
  const dry = await collectGarbage(store, { signal, dryRun: true });
  assert.deepEqual(dry.removed, []);
  assert.ok(dry.waiting.every(({ key }) => key.startsWith('team-a/segments/three/')) && dry.waiting.length > 0);
  assert.deepEqual(await keysOf(store), before);

  assert.equal((await collectGarbage(store, { signal })).freedBytes, 0);
  now += HOUR;
  const swept = await collectGarbage(store, { signal });
  assert.ok(swept.freedBytes >= 100_000, `${swept.freedBytes}`);
  assert.deepEqual(await keysOf(store, 'team-a/segments/three/'), []);
  assert.deepEqual(swept.waiting, []);
  await ground.download(store, 'two');
});

test('of a tenant with a manifest that cannot be read nothing goes; of others it does', async () => {
  const store = new MemoryStore(() => 1e12);
  const segment = `x/${'0'.repeat(24)}`;
  await store.put(`broken/segments/${segment}`, randomBytes(10));
  await store.put('broken/archives/a/manifest', Buffer.from('no manifest at all'));
  await store.put(`other/segments/${segment}`, randomBytes(10));
  await collectGarbage(store, { signal, graces: NO_GRACE });
  const { removed, skipped } = await collectGarbage(store, { signal, graces: NO_GRACE });
  assert.deepEqual(
    skipped.map(({ tenant }) => tenant),
    ['broken'],
  );
  assert.ok(removed.every(({ key }) => key.startsWith('other/')));
  assert.ok((await keysOf(store)).includes(`broken/segments/${segment}`));
});

/** Every call waits its turn, by chance, and may let others go first. */
class Shuffled extends MemoryStore {
  readonly #random: () => number;

  constructor(random: () => number) {
    super(() => 1e12);
    this.#random = random;
  }

  async #turn(): Promise<void> {
    for (let left = Math.floor(this.#random() * 12); left > 0; left--)
      await new Promise((resolve) => setImmediate(resolve));
  }

  override async put(...args: Parameters<MemoryStore['put']>): Promise<void> {
    await this.#turn();
    await super.put(...args);
    await this.#turn();
  }

  override async head(...args: Parameters<MemoryStore['head']>): ReturnType<MemoryStore['head']> {
    await this.#turn();
    const found = await super.head(...args);
    await this.#turn();
    return found;
  }

  override async delete(...args: Parameters<MemoryStore['delete']>): Promise<void> {
    await this.#turn();
    await super.delete(...args);
    await this.#turn();
  }

  override async *list(...args: Parameters<MemoryStore['list']>): ReturnType<MemoryStore['list']> {
    await this.#turn();
    for await (const blob of super.list(...args)) {
      yield blob;
      await this.#turn();
    }
  }
}

test('beside uploads and removals at any moment, whatever is in the store can be restored', async () => {
  using ground = new ArchiveGround('plain');
  const base = randomBytes(30 * 4096);
  const directories = Array.from({ length: 5 }, (_, index) => {
    const memory = Buffer.from(base);
    memory.set(randomBytes(4096), index * 4096);
    return ground.directory(`d${index}`, { 'checkpoint/pages-1.img': memory });
  });
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const store = new Shuffled(random);
    const names = directories.map((_, index) => `a${index}`);
    let done = false;
    const collecting = (async () => {
      while (!done) await collectGarbage(store, { signal, graces: NO_GRACE });
    })();
    const stored = new Set<string>();
    try {
      for (const [index, directory] of directories.entries()) {
        const archive = names[index] ?? '';
        const basedOn = [...stored].reverse();
        const removed = random() < 0.6 ? basedOn[0] : undefined;
        const uploading = ground.upload(store, directory, archive, { basedOn });
        if (removed !== undefined) {
          for (let left = random() * 200; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
          await removeArchive(store, { tenant: 'team-a', archive: removed }, signal);
          stored.delete(removed);
        }
        await uploading;
        stored.add(archive);
      }
    } finally {
      done = true;
      await collecting;
    }
    for (const archive of stored) await ground.download(store, archive);
  }
});

/** Every call after so many fails, as if the process had been killed. */
class Killed extends MemoryStore {
  left = Number.POSITIVE_INFINITY;

  #count(): void {
    if (--this.left < 0) throw new Error('killed');
  }

  override async put(...args: Parameters<MemoryStore['put']>): Promise<void> {
    this.#count();
    await super.put(...args);
  }

  override async head(...args: Parameters<MemoryStore['head']>): ReturnType<MemoryStore['head']> {
    this.#count();
    return super.head(...args);
  }

  override async delete(...args: Parameters<MemoryStore['delete']>): Promise<void> {
    this.#count();
    await super.delete(...args);
  }
}

test('killed at any of its steps, it harms nothing, and the next run ends what it began', async () => {
  using ground = new ArchiveGround('plain');
  const shared = randomBytes(20 * 4096);
  const one = ground.directory('one', { 'checkpoint/pages-1.img': shared, own: randomBytes(100_000) });
  const two = ground.directory('two', { 'checkpoint/pages-1.img': shared });
  const lone = ground.directory('lone', { file: randomBytes(50_000) });
  const graces = NO_GRACE;
  let steps = 0;
  for (let killed = true; killed; steps++) {
    const store = new Killed(() => 1e12);
    await ground.upload(store, one, 'one');
    await ground.upload(store, two, 'two', { basedOn: ['one'] });
    await ground.upload(store, lone, 'lone');
    for (const archive of ['one', 'lone']) await removeArchive(store, { tenant: 'team-a', archive }, signal);
    await collectGarbage(store, { signal, graces });
    store.left = steps;
    killed = await collectGarbage(store, { signal, graces }).then(
      () => false,
      (error: Error) => /killed/.test(error.message),
    );
    store.left = Number.POSITIVE_INFINITY;
    await ground.download(store, 'two');
    await collectGarbage(store, { signal, graces });
    await collectGarbage(store, { signal, graces });
    assert.deepEqual(await keysOf(store, 'team-a/segments/lone/'), [], `after a kill at step ${steps}`);
    await ground.download(store, 'two');
  }
  assert.ok(steps > 5, `${steps}`);
});
