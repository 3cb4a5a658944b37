import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const IMAGE = join(import.meta.dirname, '../../deploy/image');
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** Fermata's image as deploy/image/build.sh lays it out, given to nodes on this machine as a registry on loopback would. */
export async function serveFermataImage(): Promise<{ reference: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-image-'));
  const layer = join(folder, 'layer.tar');
  await run('sh', [join(IMAGE, 'build.sh'), '--layout', join(folder, 'layout')], { timeout: 120_000 });
  const always = ['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--sort=name'];
  await run('tar', ['-C', join(folder, 'layout'), ...always, '-cf', layer, '.']);
  await rm(join(folder, 'layout'), { recursive: true });
  const hash = createHash('sha256');
  await pipeline(createReadStream(layer), hash);
  const layerDigest = `sha256:${hash.digest('hex')}`;

  const file = await readFile(join(IMAGE, 'Containerfile'), 'utf8');
  const word = (name: string): string => new RegExp(`^${name} (.*)$`, 'm').exec(file)?.[1] ?? '';
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      User: word('USER'),
      WorkingDir: word('WORKDIR'),
      Env: ['PATH=/usr/bin:/bin', ...word('ENV').split(' ')],
      Entrypoint: JSON.parse(word('ENTRYPOINT')) as string[],
    },
    rootfs: { type: 'layers', diff_ids: [layerDigest] },
  });
  const described = (text: string) => ({ digest: digestOf(text), size: Buffer.byteLength(text) });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...described(config) },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: layerDigest,
        size: (await stat(layer)).size,
      },
    ],
  });
  const texts = new Map([manifest, config].map((text) => [digestOf(text), text]));
  texts.set('test', manifest);

  const server = createServer((asked, answer) => {
    const name = asked.url?.split('/').at(-1) ?? '';
    const text = asked.url === '/v2/' ? '' : texts.get(name);
    const type = text === manifest ? MANIFEST : 'application/octet-stream';
    if (text !== undefined) {
      answer.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
      answer.end(asked.method === 'HEAD' ? undefined : text);
    } else if (name === layerDigest) {
      answer.writeHead(200, { 'content-type': type });
      pipeline(createReadStream(layer), answer).catch(() => answer.destroy());
    } else {
      answer.writeHead(404);
      answer.end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    reference: `127.0.0.1:${(server.address() as AddressInfo).port}/fermata:test`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await rm(folder, { recursive: true });
    },
  };
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
