import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SystemClock } from '../../clock/index.ts';
import { type Identity, newAgeIdentity } from '../keys/identity.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { type ArchiveLayout, DEFAULT_LAYOUT } from './constants.ts';
import { downloadArchive } from './download.ts';
import { type StoredArchive, type UploadRequest, uploadArchive } from './upload.ts';

/** For tests of this folder: a directory to archive, keys, and a place to bring archives back to. */
export class ArchiveGround {
  readonly root = mkdtempSync(join(tmpdir(), 'fermata-archive-'));
  readonly identity: Identity = newAgeIdentity();
  readonly keys: ArchiveKeys;
  /** Small ones have many segments of few bytes. */
  layout: ArchiveLayout = DEFAULT_LAYOUT;
  readonly #signal = new AbortController().signal;

  constructor(recipients: 'encrypted' | 'plain' = 'encrypted') {
    const signingKey = generateKeyPairSync('ed25519').privateKey;
    this.keys = {
      chunkSecret: randomBytes(32),
      signingKey,
      trustedSigners: [createPublicKey(signingKey)],
      identities: [this.identity],
      recipients: recipients === 'plain' ? [] : [this.identity.recipient],
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Makes a directory of these files; returns its path. */
  directory(name: string, files: Readonly<Record<string, Uint8Array>>): string {
    const directory = join(this.root, name);
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    return directory;
  }

  upload(
    store: BlobStore,
    directory: string,
    archive: string,
    more: Partial<UploadRequest> = {},
  ): Promise<StoredArchive> {
    const parts = { store, clock: new SystemClock(), keys: this.keys, layout: this.layout };
    const createdAt = '2026-11-22T12:00:00Z';
    return uploadArchive(parts, { tenant: 'team-a', archive, directory, createdAt, signal: this.#signal, ...more });
  }

  /** Removes what lies there under that name. */
  remove(name: string): void {
    rmSync(join(this.root, name), { recursive: true });
  }

  /** Brings it back; returns where it lies. */
  async download(store: BlobStore, archive: string, more: { digest?: string; tenant?: string } = {}): Promise<string> {
    const directory = join(this.root, `restored-${archive}`);
    const parts = { store, clock: new SystemClock(), keys: this.keys };
    await downloadArchive(parts, { tenant: 'team-a', archive, directory, signal: this.#signal, ...more });
    return directory;
  }
}

/** Path → content of every file below; folders end with a slash. */
export function treeOf(directory: string): Map<string, string> {
  const tree = new Map<string, string>();
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const isFolder = statSync(join(directory, path)).isDirectory();
    tree.set(isFolder ? `${path}/` : path, isFolder ? '' : readFileSync(join(directory, path)).toString('base64'));
  }
  return tree;
}

/** Pages as a process has them: of chance, of few values, of zeros, some the same. */
export function pages(count: number, seed: number): Buffer {
  const bytes = Buffer.alloc(count * 4096);
  for (let page = 0; page < count; page++) {
    const kind = (page * 7 + seed) % 10;
    const at = bytes.subarray(page * 4096, (page + 1) * 4096);
    if (kind < 4) randomBytes(4096).copy(at);
    else if (kind < 7) at.fill(`value ${page} ${seed} `);
    else if (kind === 7) at.fill('the same everywhere ');
  }
  return bytes;
}
