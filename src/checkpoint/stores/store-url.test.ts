import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { openStore } from './open-store.ts';
import { parseStoreUrl, type StoreLocation } from './store-url.ts';

const good: Record<string, StoreLocation> = {
  '/mnt/checkpoints': { kind: 'directory', path: '/mnt/checkpoints' },
  'file:///mnt/a%20b': { kind: 'directory', path: '/mnt/a b' },
  's3://bucket': { kind: 's3', url: 's3://bucket', location: { bucket: 'bucket', prefix: '' } },
  's3://bucket/a/b/?endpoint=http://10.0.0.1:8080&region=eu-1': {
    kind: 's3',
    url: 's3://bucket/a/b/?endpoint=http://10.0.0.1:8080&region=eu-1',
    location: { bucket: 'bucket', prefix: 'a/b/', endpoint: 'http://10.0.0.1:8080', region: 'eu-1' },
  },
  'oci://registry.example/team/checkpoints': {
    kind: 'oci',
    location: { host: 'registry.example', repository: 'team/checkpoints' },
  },
  'oci://10.0.0.1:5000/c?http=true': {
    kind: 'oci',
    location: { host: '10.0.0.1:5000', repository: 'c', plainHttp: true },
  },
};

for (const [url, want] of Object.entries(good)) {
  test(`${url} is a store`, () => assert.deepEqual(parseStoreUrl(url), want));
}

const bad: Record<string, RegExp> = {
  'relative/path': /neither an absolute path/,
  'http://host/x': /http: are not known/,
  'file://host/x': /three slashes/,
  's3://B/x': /bucket/,
  's3://bucket?endpont=http://x': /"endpont" is no parameter/,
  's3://bucket?endpoint=ftp://x': /endpoint/,
  'oci://host/UPPER': /repository/,
  'oci://host': /repository/,
};

for (const [url, why] of Object.entries(bad)) {
  test(`${url} is none, and the message says why`, () => {
    assert.throws(() => parseStoreUrl(url), { code: 'StoreUrlInvalid', message: why });
  });
}

test('credentials in a URL are refused and not repeated', () => {
  assert.throws(
    () => parseStoreUrl('s3://key:hunter2@bucket/x'),
    (error: Error) => /do not belong/.test(error.message) && !error.message.includes('hunter2'),
  );
});

test('each kind of URL opens its store without asking it anything', async () => {
  const clock = new VirtualClock();
  for (const url of ['/nowhere/at/all', 's3://bucket/x?endpoint=http://127.0.0.1:9', 'oci://127.0.0.1:9/x']) {
    const store = await openStore({ clock }, url);
    assert.equal(store.url.startsWith(url.startsWith('/') ? `file://${url}` : url.replace(/\?.*/, '')), true);
    await store.close();
  }
});
