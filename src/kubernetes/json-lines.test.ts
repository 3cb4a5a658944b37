import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isApiError } from './api-error.ts';
import { jsonLines } from './json-lines.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let index = 0; start < bytes.length; index++) {
    const end = Math.min(bytes.length, start + (sizes[index % sizes.length] ?? 1));
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function read(text: string, sizes: readonly number[] = [7], limit?: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const line of jsonLines(chunksOf(Buffer.from(text), sizes), limit)) seen.push(line);
  return seen;
}

test('documents come out whole, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ text: fc.string({ unit: 'grapheme' }), number: fc.integer() }, { noNullPrototype: true })),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      async (documents, sizes) => {
        const text = documents.map((document) => `${JSON.stringify(document)}\n`).join('');
        assert.deepEqual(await read(text, sizes), documents);
      },
    ),
  );
});

test('empty lines and carriage returns are nothing', async () => {
  assert.deepEqual(await read('\n{"a":1}\r\n\n\r\n{"b":2}\n'), [{ a: 1 }, { b: 2 }]);
});

const BROKEN: Record<string, { text: string; message: RegExp; limit?: number }> = {
  'a line that is no JSON': { text: '{"a":1}\nnonsense\n', message: /no JSON: nonsense/ },
  'a stream that ends within a line': { text: '{"a":1}\n{"b":', message: /cut in the middle/ },
  'a line that does not end': { text: `{"a":"${'x'.repeat(200)}`, message: /more than 100 bytes/, limit: 100 },
};

for (const [sentence, { text, message, limit }] of Object.entries(BROKEN)) {
  test(`${sentence} is an error that says so`, async () => {
    await assert.rejects(read(text, [9], limit), (error) => isApiError(error) && message.test(error.message));
  });
}
