import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '../blob-store.ts';

export interface StoreUnderTest {
  /** Empty. */
  store: BlobStore;
  /** Opens the same place once more, as another process would. Absent: it lies in this process alone. */
  again?: () => Promise<BlobStore>;
  close(): Promise<void>;
}

/** More than one part of a multipart upload, and no multiple of anything. */
const LARGE = 20 * 1024 * 1024 + 4321;

/** Every {@link BlobStore} passes these. */
export function blobStoreCompliance(name: string, make: () => Promise<StoreUnderTest>): void {
  for (const [sentence, check] of Object.entries(CASES)) {
    test(`${name}: ${sentence}`, async () => {
      const scene = await make();
      try {
        await check(scene.store, scene);
      } finally {
        await scene.close();
      }
    });
  }
}

const CASES: Record<string, (store: BlobStore, scene: StoreUnderTest) => Promise<void>> = {
  'what was put is what is got, to the byte': async (store) => {
    await store.put('manifests/a.json', bytes('hello'));
    assert.equal(await text(store, 'manifests/a.json'), 'hello');
    assert.equal((await store.head('manifests/a.json'))?.size, 5);
  },

  'an empty blob is a blob': async (store) => {
    await store.put('empty', new Uint8Array());
    assert.equal((await store.head('empty'))?.size, 0);
    assert.equal(await text(store, 'empty'), '');
    await store.put('empty-stream', pieces([]));
    assert.equal((await store.head('empty-stream'))?.size, 0);
  },

  'a stream of any pieces is put whole, and larger than any part of an upload': async (store) => {
    const body = pattern(LARGE);
    await store.put('large', pieces(cut(body, 3_000_017)));
    assert.equal((await store.head('large'))?.size, LARGE);
    assert.ok(Buffer.from(await collect(store.get('large'))).equals(body));
    const middle = await collect(store.get('large', { start: 8_388_600, end: 8_388_620 }));
    assert.deepEqual([...middle], [...body.subarray(8_388_600, 8_388_620)]);
  },

  'ranges are cut as an array is sliced': async (store) => {
    await store.put('digits', bytes('0123456789'));
    const range = async (start?: number, end?: number): Promise<string> =>
      Buffer.from(
        await collect(
          store.get('digits', { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) }),
        ),
      ).toString();
    assert.equal(await range(3), '3456789');
    assert.equal(await range(undefined, 4), '0123');
    assert.equal(await range(2, 5), '234');
    assert.equal(await range(8, 100), '89');
    assert.equal(await range(10), '');
    assert.equal(await range(5, 5), '');
  },

  'a blob that is not there: get says so, head and delete do not mind': async (store) => {
    await assert.rejects(collect(store.get('nothing')), { code: 'BlobNotFound' });
    assert.equal(await store.head('nothing'), undefined);
    await store.delete('nothing');
  },

  'a put replaces the whole of what was there': async (store) => {
    await store.put('k', bytes('a long first text'));
    await store.put('k', bytes('short'));
    assert.equal(await text(store, 'k'), 'short');
    assert.equal((await store.head('k'))?.size, 5);
  },

  'with ifAbsent what is there stays, and what is not there comes': async (store) => {
    await store.put('k', bytes('first'));
    await store.put('k', bytes('second'), { ifAbsent: true });
    assert.equal(await text(store, 'k'), 'first');
    await store.put('l', bytes('new'), { ifAbsent: true });
    assert.equal(await text(store, 'l'), 'new');
  },

  'a put whose body fails leaves nothing, and nothing in the list': async (store) => {
    for (const size of [10, LARGE]) {
      await assert.rejects(store.put('broken', failing(pattern(size))), /the source failed/);
      assert.equal(await store.head('broken'), undefined);
    }
    assert.deepEqual(await keys(store, ''), []);
  },

  'a put whose body fails leaves what was there before': async (store) => {
    await store.put('k', bytes('before'));
    await assert.rejects(store.put('k', failing(pattern(LARGE))), /the source failed/);
    assert.equal(await text(store, 'k'), 'before');
  },

  'a put that is cancelled leaves nothing': async (store) => {
    const controller = new AbortController();
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (const piece of cut(pattern(LARGE), 1_000_000)) yield piece;
      controller.abort(new Error('cancelled by the test'));
      yield bytes('rest');
    };
    await assert.rejects(store.put('k', body(), { signal: controller.signal }), /cancelled by the test/);
    assert.equal(await store.head('k'), undefined);
    assert.deepEqual(await keys(store, ''), []);
  },

  'nothing begins when the signal is aborted already': async (store) => {
    await store.put('k', bytes('x'));
    const signal = AbortSignal.abort(new Error('too late'));
    await assert.rejects(store.put('l', bytes('y'), { signal }), /too late/);
    await assert.rejects(collect(store.get('k', { signal })), /too late/);
    await assert.rejects(store.head('k', signal), /too late/);
    await assert.rejects(store.delete('k', signal), /too late/);
    await assert.rejects(collectKeys(store.list('', signal)), /too late/);
    assert.deepEqual(await keys(store, ''), ['k']);
  },

  'a reader that stops early leaves the store usable': async (store) => {
    await store.put('large', pattern(LARGE));
    for await (const piece of store.get('large')) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.equal(Buffer.from(await collect(store.get('large', { start: 0, end: 8 }))).length, 8);
  },

  'a list has what begins with the prefix, at any depth, with sizes': async (store) => {
    for (const [key, size] of Object.entries({ 'a/1': 1, 'a/b/2': 2, 'ab/3': 3, 'c-4': 4, 'a.5': 5 })) {
      await store.put(key, pattern(size));
    }
    assert.deepEqual(await keys(store, ''), ['a.5', 'a/1', 'a/b/2', 'ab/3', 'c-4']);
    assert.deepEqual(await keys(store, 'a/'), ['a/1', 'a/b/2']);
    assert.deepEqual(await keys(store, 'a'), ['a.5', 'a/1', 'a/b/2', 'ab/3']);
    assert.deepEqual(await keys(store, 'a/b'), ['a/b/2']);
    assert.deepEqual(await keys(store, 'nothing/'), []);
    for await (const { key, size } of store.list('')) assert.equal((await store.head(key))?.size, size);
  },

  'a long list is whole': async (store) => {
    const many = Array.from({ length: 150 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
    for (const key of many) await store.put(key, bytes(key));
    assert.deepEqual(await keys(store, 'many/'), many);
  },

  'a deleted blob is gone, and others of the same content stay': async (store) => {
    await store.put('x/one', bytes('same'));
    await store.put('x/two', bytes('same'));
    await store.delete('x/one');
    assert.equal(await store.head('x/one'), undefined);
    assert.deepEqual(await keys(store, ''), ['x/two']);
    assert.equal(await text(store, 'x/two'), 'same');
    await store.put('x/one', bytes('back'));
    assert.equal(await text(store, 'x/one'), 'back');
  },

  'names that would lead out of the store are refused, others of any allowed form are not': async (store) => {
    const bad = [
      '',
      '/a',
      'a/',
      'a//b',
      '../a',
      'a/../b',
      'a/./b',
      '.',
      '..',
      'a..b',
      'A',
      'a b',
      'a\0b',
      'é',
      '~drafts/a',
    ];
    for (const key of [...bad, 'k'.repeat(513)]) {
      await assert.rejects(store.put(key, bytes('x')), { code: 'BlobKeyInvalid' }, key);
      await assert.rejects(collect(store.get(key)), { code: 'BlobKeyInvalid' }, key);
      await assert.rejects(store.head(key), { code: 'BlobKeyInvalid' }, key);
      await assert.rejects(store.delete(key), { code: 'BlobKeyInvalid' }, key);
    }
    const long = `${'long-folder/'.repeat(35)}${'x'.repeat(92)}`;
    assert.equal(long.length, 512);
    const good = [long, '.hidden', '-dash', '_under', 'a_b-c.d/e_f', `d/${'0123456789abcdef'.repeat(8)}`];
    for (const key of good) await store.put(key, bytes(key));
    assert.deepEqual(await keys(store, ''), [...good].sort());
    for (const key of good) assert.equal(await text(store, key), key);
  },

  'when two put one name at once, one of them is there, whole': async (store) => {
    const one = pattern(3_000_000);
    const other = Buffer.from(one.map((byte) => byte ^ 0xff));
    await Promise.all([store.put('k', pieces(cut(one, 99_999))), store.put('k', pieces(cut(other, 77_777)))]);
    const found = Buffer.from(await collect(store.get('k')));
    assert.ok(found.equals(one) || found.equals(other));
  },

  'what was put is there for another process': async (store, { again }) => {
    if (again === undefined) return;
    await store.put('a/b', bytes('kept'));
    const other = await again();
    try {
      assert.equal(await text(other, 'a/b'), 'kept');
      const [here, there] = [await store.head('a/b'), await other.head('a/b')];
      assert.deepEqual(here, there);
    } finally {
      await other.close();
    }
  },

  'a later put is not older': async (store) => {
    await store.put('first', bytes('1'));
    await store.put('second', bytes('2'));
    const [first, second] = [await store.head('first'), await store.head('second')];
    assert.ok(first !== undefined && second !== undefined && first.modified <= second.modified);
  },
};

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Bytes that repeat at no distance that anything here reads in. */
export function pattern(length: number): Buffer {
  const result = Buffer.alloc(length);
  for (let index = 0; index + 4 <= length; index += 4) result.writeUInt32LE(Math.imul(index, 0x9e3779b1) >>> 0, index);
  return result;
}

function cut(body: Buffer, size: number): Uint8Array[] {
  const result: Uint8Array[] = [];
  for (let offset = 0; offset < body.length; offset += size) result.push(body.subarray(offset, offset + size));
  return result;
}

async function* pieces(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
}

async function* failing(body: Buffer): AsyncGenerator<Uint8Array> {
  yield* cut(body, 1_000_000);
  throw new Error('the source failed');
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of stream) parts.push(piece);
  return Buffer.concat(parts);
}

async function text(store: BlobStore, key: string): Promise<string> {
  return Buffer.from(await collect(store.get(key))).toString();
}

async function collectKeys(list: AsyncIterable<{ key: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of list) found.push(key);
  return found.sort();
}

const keys = (store: BlobStore, prefix: string): Promise<string[]> => collectKeys(store.list(prefix));
