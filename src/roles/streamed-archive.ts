import { createHash } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Archive } from '../agent/index.ts';
import { type Clock, rfc3339 } from '../clock/index.ts';
import type { WholeStream } from '../coordination/index.ts';
import { type Log, reasonOf } from '../model/index.ts';

/** Names of archives have 128 characters; room for what makes each one different. */
const PLAIN_NAME = /^[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?$/;
const RETRY_MILLISECONDS = 60_000;
/** Below the folder of streamed images; no member's name is encoded so. */
const QUEUE = '.to-archive';

interface Waiting {
  tenant: string;
  archive: string;
}

/**
 * Brings streamed images to a store, one dump after the other, behind everything else: each becomes an archive of its own, named
 * `SESSION/MEMBER-<ms since the epoch>`, with the images as those of one container. What waits is linked into a folder of its own at
 * once, so that the next dump of the member may take its place, and a server that was killed goes on with it.
 */
export class StreamedArchive {
  readonly #parts: { archive: Pick<Archive, 'url' | 'upload'>; clock: Clock; log: Log };
  readonly #queue: string;
  readonly #stopping = new AbortController();
  /** By tenant and member: the archive before. */
  readonly #latest = new Map<string, string>();
  #last: Promise<void> = Promise.resolve();

  /** @param images the folder of streamed images: on the same file system, since images are linked */
  constructor(parts: { archive: Pick<Archive, 'url' | 'upload'>; clock: Clock; log: Log }, images: string) {
    this.#parts = parts;
    this.#queue = join(images, QUEUE);
  }

  /** Takes up what an earlier server has left. */
  async start(): Promise<void> {
    await mkdir(this.#queue, { recursive: true, mode: 0o700 });
    for (const tenant of await readdir(this.#queue)) {
      for (const archive of await readdir(join(this.#queue, tenant))) {
        const isWhole = !archive.startsWith('.');
        if (isWhole) this.#enqueue({ tenant, archive });
        else await rm(join(this.#queue, tenant, archive), { recursive: true });
      }
    }
  }

  /** For `ImageFolder`. When it resolves the dump is in the queue, and stays there over the death of this process. */
  async add({ session, id, directory }: WholeStream): Promise<void> {
    const tenant = plainName(session === '' ? 'default' : session);
    const member = plainName(id);
    const archive = `${member}-${this.#parts.clock.now()}`;
    const draft = join(this.#queue, tenant, `.${archive}`);
    const images = join(draft, member, 'checkpoint');
    await mkdir(images, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory)) await link(join(directory, name), join(images, name));
    // What commands read of a container; these processes are none, so there is nothing more to say.
    const configuration = { id, name: id, checkpointedTime: rfc3339(this.#parts.clock.now()) };
    await writeFile(join(draft, member, 'config.dump'), JSON.stringify(configuration), { mode: 0o600 });
    await writeFile(join(draft, member, 'spec.dump'), '{}', { mode: 0o600 });
    await rename(draft, join(this.#queue, tenant, archive));
    this.#enqueue({ tenant, archive });
  }

  /** What is under way is given up, and taken up by the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the coordinator stops'));
    await this.#last;
  }

  #enqueue(waiting: Waiting): void {
    this.#last = this.#last.then(() => this.#store(waiting));
  }

  /** Never rejects. */
  async #store({ tenant, archive }: Waiting): Promise<void> {
    const { signal } = this.#stopping;
    const { clock, log } = this.#parts;
    const directory = join(this.#queue, tenant, archive);
    const member = `${tenant}/${archive.replace(/-\d+$/, '')}`;
    while (!signal.aborted) {
      try {
        const before = this.#latest.get(member);
        const result = await this.#parts.archive.upload({
          ...{ tenant, archive, directory, signal, createdAt: rfc3339(clock.now()) },
          ...(before !== undefined && { basedOn: [before] }),
        });
        await rm(directory, { recursive: true });
        this.#latest.set(member, archive);
        log.info(
          { url: this.#parts.archive.url, archive: `${tenant}/${archive}`, ...result },
          'streamed images stored',
        );
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.warn(
          { archive: `${tenant}/${archive}`, reason: reasonOf(error) },
          'streamed images not stored; tried again',
        );
        await clock.sleep(RETRY_MILLISECONDS, signal).catch(() => undefined); // only when it stops
      }
    }
  }
}

/** As it is where a store allows that. */
function plainName(text: string): string {
  return PLAIN_NAME.test(text) ? text : `x${createHash('sha256').update(text).digest('hex').slice(0, 40)}`;
}
