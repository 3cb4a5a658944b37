import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CheckpointArchive, createKeyFolder, openStore, readKeyFolder } from '../checkpoint/index.ts';
import { SystemClock, VirtualClock } from '../clock/index.ts';
import { ImageFolder } from '../coordination/index.ts';
import { SILENT_LOG } from '../model/index.ts';
import { startCoordinator } from './coordinator.ts';
import { StreamedArchive } from './streamed-archive.ts';

let folder = '';
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-streamed-'));
  await createKeyFolder(join(folder, 'keys'));
});
after(() => rmSync(folder, { recursive: true }));

/** All images of the store's archives: archive → image → content. */
async function stored(url: string): Promise<Record<string, Record<string, string>>> {
  const clock = new SystemClock();
  const store = await openStore({ clock }, url);
  const archive = new CheckpointArchive({ store, clock, keys: await readKeyFolder(join(folder, 'keys'), []) });
  const found: Record<string, Record<string, string>> = {};
  for (const tenant of readdirSync(url).filter((name) => existsSync(join(url, name, 'archives')))) {
    for (const name of readdirSync(join(url, tenant, 'archives'))) {
      const directory = join(mkdtempSync(join(folder, 'out-')), 'archive');
      await archive.download({ tenant, archive: name, directory, signal: new AbortController().signal });
      const images = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(({ name }) =>
        name.endsWith('.img'),
      );
      const contents = images.map(({ parentPath, name: image }) => {
        const path = join(parentPath, image);
        return [path.slice(directory.length + 1), readFileSync(path, 'utf8')];
      });
      found[`${tenant}/${name.replace(/\d{13}$/, 'T')}`] = Object.fromEntries(contents);
    }
  }
  await store.close();
  return found;
}

/** Streams as criu-coordinator's client does. */
async function streamTo(port: number, id: string, session: string, content: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write(JSON.stringify({ id, action: 'pre-stream', dependencies: '', session }));
  await once(socket, 'data');
  const announced = JSON.stringify({ img_name: 'pages-1.img', img_size: content.length });
  socket.write(`SYN${announced}${content}SYN`);
  socket.resume();
  await once(socket, 'close');
}

test('streamed images go to the store as archives, and to the folder in any case', async () => {
  const url = join(folder, 'store');
  const images = join(folder, 'images');
  const coordinator = await startCoordinator({
    server: { address: '127.0.0.1', port: 0 },
    coordinator: {},
    images,
    archives: { store: url, keys: join(folder, 'keys') },
    logLevel: 'error',
  });
  await streamTo(coordinator.port, 'rank-0', 'job', 'hello');
  await streamTo(coordinator.port, '../Rank', '', 'other');
  await untilStored(images);
  await coordinator.stop();
  assert.equal(readFileSync(join(images, 'job', 'rank-0', 'pages-1.img'), 'utf8'), 'hello');
  const hashed = Object.keys(await stored(url)).find((name) => name.startsWith('default/')) ?? '';
  assert.match(hashed, /^default\/x[0-9a-f]{40}-T$/);
  const member = hashed.slice('default/'.length, -'-T'.length);
  assert.deepEqual(await stored(url), {
    'job/rank-0-T': { 'rank-0/checkpoint/pages-1.img': 'hello' },
    [hashed]: { [`${member}/checkpoint/pages-1.img`]: 'other' },
  });
});

async function untilStored(images: string): Promise<void> {
  while (Object.values(queue(images)).flat().length > 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

/** By session: what waits to be stored. */
function queue(images: string): Record<string, string[]> {
  const place = join(images, '.to-archive');
  return Object.fromEntries(readdirSync(place).map((tenant) => [tenant, readdirSync(join(place, tenant))]));
}

test('what the store refused is tried again, also by the next server, as it was when it was streamed', async () => {
  const images = join(folder, 'kept');
  const clock = new VirtualClock();
  const uploads: { archive: string; content: string; basedOn: readonly string[] | undefined }[] = [];
  let refuses = true;
  const archive = {
    url: 'memory://',
    upload: async ({
      archive: name,
      directory,
      basedOn,
    }: {
      archive: string;
      directory: string;
      basedOn?: readonly string[];
    }) => {
      if (refuses) throw new Error('the store is away');
      uploads.push({ archive: name, content: readFileSync(join(directory, 'm/checkpoint/a.img'), 'utf8'), basedOn });
      return { digest: '', sizeBytes: 0, sentBytes: 0, encrypted: false };
    },
  };
  const parts = { archive, clock, log: SILENT_LOG };
  const first = new StreamedArchive(parts, images);
  await first.start();
  const receiving = new ImageFolder(images, (stream) => first.add(stream));
  for (const content of ['one', 'two']) {
    const stream = await receiving.begin({ session: 's', id: 'm' });
    await stream.image('a.img');
    await stream.write(Buffer.from(content));
    await stream.commit();
    await clock.advance(1);
  }
  await first.stop();
  assert.deepEqual(uploads, []);
  const second = new StreamedArchive(parts, images);
  await second.start();
  refuses = false;
  await clock.advance(60_000);
  await untilStored(images);
  await second.stop();
  const [begin, then] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + 1];
  assert.deepEqual(uploads, [
    { archive: `m-${begin}`, content: 'one', basedOn: undefined },
    { archive: `m-${then}`, content: 'two', basedOn: [`m-${begin}`] },
  ]);
  assert.deepEqual(queue(images), { s: [] });
  assert.equal(readFileSync(join(images, 's/m/a.img'), 'utf8'), 'two');
});
