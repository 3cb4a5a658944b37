import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFiles } from '../checkpoint/index.ts';
import { describeImages } from './images.ts';

const files = new MemoryFiles();
const bytes = (length: number): Uint8Array => new Uint8Array(length);
await files.makeDirectory('/dump');
await files.write('/dump', 'main/inventory.img', bytes(5));
await files.write('/dump', 'main/stats-dump', bytes(21));

test('statistics that are cut do not keep anybody from describing the images', async () => {
  const described = await describeImages('/dump', [{ name: 'main' }, { name: 'ended' }], files);
  assert.deepEqual(described, [{ name: 'main', sizeBytes: 26 }]);
});
