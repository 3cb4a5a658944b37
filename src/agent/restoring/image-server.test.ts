import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FermataError, restoreImageUid, SILENT_LOG } from '../../model/index.ts';
import { checkpointImage, imageReference, parseImagePath } from './checkpoint-image.ts';
import { describeLayer } from './checkpoint-layer.ts';
import { ImageServer, type ImageSource } from './image-server.ts';

const UID = '7d8ba7b1-221e-42af-a776-841748e768da';
const signal = new AbortController().signal;

let folder: string;
let port: number;
let server: ImageServer;
let source: ImageSource['image'];
let started: boolean[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-layer-'));
  writeFileSync(join(folder, 'pages-1.img'), Buffer.alloc(200_000, 7));
  writeFileSync(join(folder, 'config.dump'), '{}');
  started = [];
  source = async ({ checkpointUid, container }) =>
    checkpointUid === UID && container === 'main'
      ? { image: checkpointImage(container, await describeLayer(folder, signal), 'x64'), directory: folder }
      : undefined;
  const parts = {
    source: {
      image: (...[request, starting, either]: Parameters<ImageSource['image']>) => {
        started.push(starting);
        return source(request, starting, either);
      },
    },
    log: SILENT_LOG,
  };
  port = await freePort();
  server = new ImageServer(parts, { port });
  await server.start();
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const ask = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}/v2/${path}`, { method });
const digestOf = (bytes: ArrayBuffer) => `sha256:${createHash('sha256').update(Buffer.from(bytes)).digest('hex')}`;

test('the image is pulled as container runtimes do it, and every part is what its digest says', async () => {
  const path = `fermata/${UID}/main`;
  assert.equal((await ask('')).status, 200);
  const head = await ask(`${path}/manifests/checkpoint`, 'HEAD');
  const digest = head.headers.get('docker-content-digest') ?? '';
  const answer = await ask(`${path}/manifests/${digest}`);
  const bytes = await answer.arrayBuffer();
  assert.equal(digestOf(bytes), digest);
  const manifest = JSON.parse(Buffer.from(bytes).toString()) as {
    config: { digest: string };
    layers: { digest: string; size: number }[];
    annotations: Record<string, string>;
  };
  assert.equal(manifest.annotations['org.criu.checkpoint.container.name'], 'main');
  for (const blob of [manifest.config, ...manifest.layers]) {
    assert.equal(digestOf(await (await ask(`${path}/blobs/${blob.digest}`)).arrayBuffer()), blob.digest);
  }
  assert.deepEqual(started, [true, false, false, false], 'a start begins by asking for the name');
});

test('a layer is the same whenever it is packed', async () => {
  const first = await describeLayer(folder, signal);
  utimesSync(join(folder, 'config.dump'), 1, 1);
  assert.deepEqual(await describeLayer(folder, signal), first);
  assert.ok(first.sizeBytes > 200_000);
});

test('what no pod of this node is to be restored from is not given out', async () => {
  assert.equal((await ask(`fermata/${UID}/other/manifests/checkpoint`)).status, 404);
  assert.equal((await ask('library/busybox/manifests/latest')).status, 404);
  assert.equal((await ask(`fermata/${UID}/main/blobs/sha256:${'0'.repeat(64)}`)).status, 404);
  assert.equal((await ask(`fermata/${UID}/main/manifests/checkpoint`, 'DELETE')).status, 405);
});

test('why the data cannot be had is told to who pulls', async () => {
  source = () => Promise.reject(new FermataError('CheckpointMissing', 'node n1 does not have its data'));
  const answer = await ask(`fermata/${UID}/main/manifests/checkpoint`);
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /node n1 does not have its data/);
});

test('a port that is taken is said so', async () => {
  const second = new ImageServer({ source: { image: source }, log: SILENT_LOG }, { port });
  await assert.rejects(second.start(), /127\.0\.0\.1:\d+ cannot be listened on/);
});

test('names lead to a checkpoint and nowhere else', () => {
  const reference = imageReference('127.0.0.1:1', UID, 'main');
  assert.equal(reference, `127.0.0.1:1/fermata/${UID}/main:checkpoint`);
  assert.equal(restoreImageUid(reference), UID, 'the webhook knows it by that');
  assert.equal(parseImagePath(`/v2/fermata/${UID}/main/manifests/checkpoint`)?.container, 'main');
  for (const path of [`/v2/fermata/${UID}/../manifests/x`, `/v2/fermata/../../x/manifests/y`, '/v2/_catalog']) {
    assert.equal(parseImagePath(path), undefined);
  }
});
