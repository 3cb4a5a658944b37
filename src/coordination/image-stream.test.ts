import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { SystemClock } from '../clock/index.ts';
import { Coordinator } from './coordinator.ts';
import { HOOK_PATH } from './hook-path.ts';
import { ImageFolder } from './image-folder.ts';
import { CoordinationServer } from './server.ts';
import { MemoryState } from './state.ts';
import { SILENT } from './testing.ts';

/** The streaming half of criu-coordinator's wire, byte for byte as its client has it. */

let folder = '';
let server: CoordinationServer;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-images-'));
  const parts = { clock: new SystemClock(), log: SILENT };
  const coordinator = new Coordinator({ ...parts, state: new MemoryState() });
  const images = new ImageFolder(join(folder, 'images'));
  server = new CoordinationServer({ ...parts, coordinator, images }, { address: '127.0.0.1', port: 0 });
  await server.start();
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

class Client {
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;
  text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = once(socket, 'close');
    socket.setNoDelay(true).on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString();
    });
  }

  /** Its `pre-stream` was granted. */
  static async granted(id: string, session?: string): Promise<Client> {
    const client = new Client(connect(server.port, '127.0.0.1'));
    client.send(JSON.stringify({ id, action: 'pre-stream', dependencies: '', ...(session && { session }) }));
    await client.until('ACK');
    return client;
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(bytes);
  }

  async until(text: string): Promise<void> {
    while (this.text !== text) {
      assert.ok(text.startsWith(this.text), `it said "${this.text}" instead of "${text}"`);
      await Promise.race([
        once(this.#socket, 'data'),
        this.closed().then(() => assert.fail(`closed at "${this.text}"`)),
      ]);
    }
    this.text = '';
  }

  async closed(): Promise<void> {
    await this.#closed;
  }

  end(): void {
    this.#socket.end();
  }
}

const announce = (name: string, size: number): string => JSON.stringify({ img_name: name, img_size: size });
const place = (session: string, id: string): string => join(folder, 'images', session, id);

test("images are taken in the order of upstream's client, and lie in the folder of the member when all are there", async () => {
  const client = await Client.granted('A');
  client.send('SYN');
  await client.until('ACK');
  client.send(announce('core-1.img', 5));
  client.send('hello');
  await client.until('IMG_ACK');
  assert.equal(existsSync(place('default', 'A')), false, 'not before all are there');
  client.send(announce('empty.img', 0));
  await client.until('IMG_ACK');
  client.send('SYN');
  await client.closed();
  assert.deepEqual(readdirSync(place('default', 'A')).sort(), ['core-1.img', 'empty.img']);
  assert.equal(readFileSync(join(place('default', 'A'), 'core-1.img'), 'utf8'), 'hello');
});

test('it does not matter in which pieces the bytes come', async () => {
  const image = fc.record({ name: fc.stringMatching(/^[a-z]{1,8}$/), content: fc.uint8Array({ maxLength: 200 }) });
  const images = fc.uniqueArray(image, { maxLength: 4, selector: ({ name }) => name });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(images, fc.integer({ min: 1, max: 60 }), async (sent, size) => {
      const id = `P${run++}`;
      const parts = sent.flatMap(({ name, content }) => [
        Buffer.from(announce(name, content.length)),
        Buffer.from(content),
      ]);
      const bytes = Buffer.concat([Buffer.from('SYN'), ...parts, Buffer.from('SYN')]);
      const client = await Client.granted(id);
      for (let from = 0; from < bytes.length; from += size) {
        client.send(bytes.subarray(from, from + size));
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      await client.closed();
      assert.equal(client.text, `ACK${'IMG_ACK'.repeat(sent.length)}`);
      const found = readdirSync(place('default', id)).map((name) => [
        name,
        readFileSync(join(place('default', id), name), 'hex'),
      ]);
      const wanted = sent.map(({ name, content }) => [name, Buffer.from(content).toString('hex')]);
      assert.deepEqual(new Map(found as [string, string][]), new Map(wanted as [string, string][]));
    }),
    { numRuns: 25 },
  );
});

const HOSTILE: Readonly<Record<string, string>> = {
  'a path that leads out': announce('../../escaped', 1),
  'an absolute path': announce('/tmp/fermata-escaped', 1),
  'a name that is the folder above': announce('..', 1),
  'a hidden name': announce('.incoming', 1),
  'a name with a NUL': announce('a\0b', 1),
  'an empty name': announce('', 1),
  'a name that is none': '{"img_name":7,"img_size":1}',
  'a negative size': announce('a.img', -1),
  'a size that is no whole number': announce('a.img', 1.5),
  'a size beyond all numbers': '{"img_name":"a.img","img_size":1e300}',
  'an announcement without end': `{"img_name":"${'a'.repeat(2_000)}`,
  'no announcement': 'hello}',
  'a name that came before': `${announce('a.img', 0)}${announce('a.img', 0)}`,
};

for (const [what, bytes] of Object.entries(HOSTILE)) {
  test(`${what} ends the stream, and nothing of it is left`, async () => {
    const client = await Client.granted('evil');
    client.send('SYN');
    await client.until('ACK');
    client.send(bytes);
    await client.closed();
    assert.equal(existsSync(place('default', 'evil')), false);
    await untilGone();
    assert.deepEqual(readdirSync(folder), ['images']);
  });
}

/** The removal of what was refused goes on behind the closed connection. */
async function untilGone(): Promise<void> {
  while (readdirSync(join(folder, 'images', 'default')).some((name) => name.startsWith('.incoming-'))) {
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

test('a member that dies in the middle leaves the images of its last dump as they were', async () => {
  for (const content of ['old', 'new']) {
    const client = await Client.granted('twice');
    client.send(`SYN${announce('core-1.img', 3)}${content}`);
    await client.until('ACKIMG_ACK');
    if (content === 'old') client.send('SYN');
    else client.end();
    await client.closed();
  }
  await untilGone();
  assert.equal(readFileSync(join(place('default', 'twice'), 'core-1.img'), 'utf8'), 'old');
});

test('members of the same name in two sessions, and names made of paths, do not meet', async () => {
  const ids = ['A', '../A', '..', 'a/b'];
  for (const session of ['one', 'two']) {
    for (const id of ids) {
      const client = await Client.granted(id, session);
      const content = `${session} ${id}`;
      client.send(`SYN${announce('x.img', content.length)}${content}SYN`);
      await client.closed();
    }
  }
  for (const session of ['one', 'two']) {
    const found = readdirSync(join(folder, 'images', session)).map((name) =>
      readFileSync(join(folder, 'images', session, name, 'x.img'), 'utf8'),
    );
    assert.deepEqual(new Set(found), new Set(ids.map((id) => `${session} ${id}`)));
  }
  assert.deepEqual(readdirSync(folder), ['images']);
});

test('our hook takes part in the barrier at pre-stream, and streams nothing', async () => {
  const child = spawn(HOOK_PATH, [], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH ?? '',
      FERMATA_COORDINATOR_CONFIG: join(folder, 'none'),
      FERMATA_COORDINATOR_PORT: String(server.port),
      FERMATA_COORDINATOR_ID: 'hook',
      CRTOOLS_SCRIPT_ACTION: 'pre-stream',
      CRTOOLS_IMAGE_DIR: folder,
    },
  });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(existsSync(place('default', 'hook')), false);
});
