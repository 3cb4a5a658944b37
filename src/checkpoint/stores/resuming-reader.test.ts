import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect } from './compliance/blob-store-compliance.ts';
import { type Opened, readResuming } from './resuming-reader.ts';

const BODY = Buffer.from('0123456789');

/** Sends so many bytes on each opening, in pieces of one, then ends or throws. */
function cutting(lengths: readonly number[], size = BODY.length, error?: Error): (start: number) => Promise<Opened> {
  let opened = 0;
  return async (start) => {
    const length = lengths[Math.min(opened++, lengths.length - 1)] ?? 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let index = start; index < Math.min(start + length, BODY.length); index++) {
        yield BODY.subarray(index, index + 1);
      }
      if (error !== undefined && start + length < BODY.length) throw error;
    }
    return { size, body: body() };
  };
}

const read = async (open: (start: number) => Promise<Opened | undefined>, range = {}): Promise<string> =>
  Buffer.from(await collect(readResuming({ url: 'test:', key: 'k', open }, range))).toString();

test('a body that ends early is gone on with where it ended, whether it says so or not', async () => {
  assert.equal(await read(cutting([3, 0, 2, 10])), '0123456789');
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  assert.equal(await read(cutting([3, 0, 2, 10], 10, reset)), '0123456789');
});

test('a body that never comes is an error after a few attempts', async () => {
  await assert.rejects(read(cutting([2, 0])), { code: 'BlobTruncated' });
});

test('a connection that is cut each time is an error that says so', async () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  await assert.rejects(read(cutting([2, 0], 10, reset)), {
    code: 'BlobTruncated',
    message: /2 bytes of 10: .*ECONNRESET/,
  });
});

test('an error that is none of the connection is not tried again', async () => {
  await assert.rejects(read(cutting([2], 10, new Error('a fault in the program'))), /a fault in the program/);
});

test('a store that sends more than it promised is refused', async () => {
  await assert.rejects(read(cutting([10], 5)), { code: 'BlobTruncated' });
});

test('a blob that changes its size between two attempts is refused', async () => {
  const [first, second] = [cutting([3]), cutting([3], 9)];
  await assert.rejects(
    read((start) => (start === 0 ? first(start) : second(start))),
    { code: 'BlobTruncated' },
  );
});
