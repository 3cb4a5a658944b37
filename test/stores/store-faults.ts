import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '../../src/checkpoint/index.ts';
import { collect, pattern } from '../../src/checkpoint/testing.ts';
import type { FaultProxy, Seen } from './fault-proxy.ts';

/** Of a blob that goes to the store in parts. */
export const PART = 8 * 1024 * 1024;
export const BODY = pattern(3 * PART + 1000);

/** A real server, reached through a proxy that does harm. */
export interface FaultGround {
  proxy(): FaultProxy;
  /** An empty store of its own, through the proxy. */
  open(): Promise<BlobStore>;
  /** What of the blob a request brings; undefined: nothing. */
  partOf(request: Seen): string | undefined;
  /** How many requests bring {@link BODY}. */
  parts: number;
  /** A request that reads of the blob. */
  isRead(request: Seen): boolean;
}

/** One empty store, the proxy passing everything on until the check says otherwise. */
export async function withStore(
  ground: Pick<FaultGround, 'proxy' | 'open'>,
  check: (store: BlobStore, proxy: FaultProxy) => Promise<void>,
): Promise<void> {
  const store = await ground.open();
  const proxy = ground.proxy();
  proxy.seen.length = 0;
  try {
    await check(store, proxy);
  } finally {
    proxy.plan = () => undefined;
    await store.close();
  }
}

export async function readBack(store: BlobStore, key = 'k'): Promise<void> {
  assert.ok(Buffer.from(await collect(store.get(key))).equals(BODY));
}

type Check = (store: BlobStore, proxy: FaultProxy, ground: FaultGround) => Promise<void>;

const CASES: Record<string, Check> = {
  'that answers 503 to every third request is written and read all the same': async (store, proxy) => {
    let count = 0;
    proxy.plan = () => (count++ % 3 === 0 ? { status: 503 } : undefined);
    await store.put('k', BODY);
    await readBack(store);
    assert.equal((await store.head('k'))?.size, BODY.length);
  },
  'that is slow is waited for': async (store, proxy) => {
    proxy.plan = () => ({ slowMilliseconds: 5 });
    await store.put('k', BODY);
    await readBack(store);
  },
  'to which a part is cut off on its way gets it again, and no other': async (store, proxy, { partOf, parts }) => {
    let cut: string | undefined;
    proxy.plan = (request) => {
      const part = partOf(request);
      if (cut !== undefined || part === undefined || Number(request.headers['content-length']) < PART) return undefined;
      cut = part;
      return { cutRequestAfter: PART / 2 };
    };
    await store.put('k', BODY);
    await readBack(store);
    const sent = proxy.seen.map(partOf).filter((part) => part !== undefined);
    assert.equal(new Set(sent).size, parts);
    assert.deepEqual(
      sent.filter((part, index) => sent.indexOf(part) !== index),
      [cut],
    );
  },
  'whose answers to writes are lost has each thing once': async (store, proxy) => {
    const lost = new Set<string>();
    proxy.plan = ({ method, url }) => {
      const what = `${method} ${url.replace(/uploadId=[^&]*|.*digest=/, '')}`;
      if ((method !== 'PUT' && method !== 'DELETE') || url.includes('uploads') || lost.has(what)) return undefined;
      lost.add(what);
      return 'answer lost';
    };
    await store.put('small', Buffer.from('x'));
    await store.put('k', BODY);
    await readBack(store);
    await store.delete('small');
    assert.equal(await store.head('small'), undefined);
  },
  'that cuts a download is asked for the rest': async (store, proxy, { isRead }) => {
    await store.put('k', BODY);
    proxy.seen.length = 0;
    let cuts = 0;
    proxy.plan = (request) => (isRead(request) && cuts++ < 3 ? { cutResponseAfter: PART / 2 } : undefined);
    await readBack(store);
    const rest = proxy.seen.filter(isRead).filter(({ headers }) => headers.range?.startsWith(`bytes=${PART / 2}-`));
    assert.ok(rest.length > 0, 'what had come came again');
  },
  'that cuts every download is an error, not a short blob': async (store, proxy, { isRead }) => {
    await store.put('k', BODY);
    proxy.plan = (request) => (isRead(request) ? { cutResponseAfter: 0 } : undefined);
    await assert.rejects(readBack(store), { code: 'BlobTruncated' });
  },
  'that stays broken is an error that names it, and goes on with what had arrived': async (store, proxy, ground) => {
    const { partOf, parts } = ground;
    const taken = new Set<string>();
    proxy.plan = (request) => {
      const part = partOf(request);
      if (part === undefined || taken.has(part)) return undefined;
      if (taken.size === 2) return { status: 500 };
      taken.add(part);
      return undefined;
    };
    await assert.rejects(store.put('k', BODY), { code: 'StoreFailed' });
    assert.equal(await store.head('k'), undefined);
    proxy.plan = () => undefined;
    proxy.seen.length = 0;
    await store.put('k', BODY);
    const again = proxy.seen.map(partOf).filter((part) => part !== undefined);
    assert.equal(again.length, parts - taken.size, `sent again: ${again.join(', ')}`);
    await readBack(store);
  },
};

/** What every store must come through; `what`: as in "an S3 store". */
export function storeFaults(what: string, ground: FaultGround): void {
  for (const [sentence, check] of Object.entries(CASES)) {
    test(`${what} ${sentence}`, () => withStore(ground, (store, proxy) => check(store, proxy, ground)));
  }
}
