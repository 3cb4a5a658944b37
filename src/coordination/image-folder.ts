import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the images that members stream go. */
export interface ImageStore {
  /** For one stream of one member; nothing of it is to be seen before `commit`. */
  begin(member: { session: string; id: string }): Promise<ImageStream>;
}

export interface ImageStream {
  /** Begins an image; the one before is complete. `name` is a plain file name that has not come in this stream. */
  image(name: string): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  /** All images are there. */
  commit(): Promise<void>;
  /** Nothing of the stream is left. */
  abort(): Promise<void>;
}

/** A stream that lies whole in its folder. */
export interface WholeStream {
  session: string;
  id: string;
  directory: string;
}

/** Longest name of a file: ext4, xfs, btrfs. */
const MAX_FILE_NAME_BYTES = 255;

/**
 * Streams into folders below `root`, `<session>/<id>` each (upstream: one folder for all, whatever their names): the last whole stream of
 * a member, put there at its end; what is not whole is never in that place. Names are encoded, so that none leads elsewhere.
 */
export class ImageFolder implements ImageStore {
  readonly #root: string;
  readonly #onWhole: (stream: WholeStream) => Promise<void>;

  /**
   * @param root absolute; made where it is missing
   * @param onWhole waited for before the member is answered; its next stream may take the folder's place afterwards
   */
  constructor(root: string, onWhole: (stream: WholeStream) => Promise<void> = async () => undefined) {
    this.#root = root;
    this.#onWhole = onWhole;
  }

  async begin({ session, id }: { session: string; id: string }): Promise<ImageStream> {
    const parent = join(this.#root, folderName(session === '' ? 'default' : session));
    await mkdir(parent, { recursive: true, mode: 0o700 });
    // A leading dot: no encoded name begins so.
    const directory = join(parent, folderName(id));
    const whole = (): Promise<void> => this.#onWhole({ session, id, directory });
    return new FolderStream(await mkdtemp(join(parent, '.incoming-')), directory, whole);
  }
}

class FolderStream implements ImageStream {
  readonly #incoming: string;
  readonly #final: string;
  readonly #whole: () => Promise<void>;
  #file: FileHandle | undefined;

  constructor(incoming: string, final: string, whole: () => Promise<void>) {
    this.#incoming = incoming;
    this.#final = final;
    this.#whole = whole;
  }

  async image(name: string): Promise<void> {
    await this.#close();
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
    this.#file = await open(join(this.#incoming, name), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await this.#opened().write(bytes, from);
      from += bytesWritten;
    }
  }

  async commit(): Promise<void> {
    await this.#close();
    await rm(this.#final, { recursive: true, force: true });
    await rename(this.#incoming, this.#final);
    await this.#whole();
  }

  async abort(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await rm(this.#incoming, { recursive: true, force: true });
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new Error('no image has begun');
    return this.#file;
  }

  async #close(): Promise<void> {
    await this.#file?.datasync();
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** One folder name for any text, another for any other. */
function folderName(text: string): string {
  const encoded = encodeURIComponent(text).replaceAll('.', '%2E');
  if (encoded.length <= MAX_FILE_NAME_BYTES) return encoded;
  return createHash('sha256').update(text).digest('hex');
}
