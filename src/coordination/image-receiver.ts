import type { ImageStream } from './image-folder.ts';
import { ACK } from './protocol.ts';

/** Begins and ends a stream. */
const SYN = 'SYN';
const IMAGE_ACK = 'IMG_ACK';
/** Longest announcement of an image: two fields, one of them a file name. */
const MAX_HEAD_BYTES = 1024;
const MAX_IMAGES = 100_000;
/** CRIU's own image names, and nothing that is not a plain name. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/;

/**
 * The images of one dump as criu-coordinator's client sends them after its `pre-stream` was answered: `SYN` (answered with the `ACK` that
 * its own server forgets), then each image as `{"img_name":"core-1.img","img_size":1234}` and its bytes, answered with `IMG_ACK`, then
 * `SYN` again. Nothing separates the parts, and they come in any pieces. What breaks the rules throws: a path for a name, a name
 * that came before, a size that is none.
 */
export class ImageReceiver {
  readonly #stream: ImageStream;
  readonly #names = new Set<string>();
  #rest: Buffer = Buffer.alloc(0);
  #state: 'beginning' | 'between' | 'within' | 'over' = 'beginning';
  /** Bytes of the present image that are still to come. */
  #left = 0;

  constructor(stream: ImageStream) {
    this.#stream = stream;
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** What is to be answered. */
  async push(bytes: Buffer): Promise<string> {
    let replies = '';
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (let reply = await this.#step(); reply !== undefined; reply = await this.#step()) replies += reply;
    return replies;
  }

  /** Undefined: more bytes are needed, or none are expected any more. */
  async #step(): Promise<string | undefined> {
    switch (this.#state) {
      case 'beginning':
        if (!this.#takeSyn()) return undefined;
        this.#state = 'between';
        return ACK;
      case 'between':
        if (this.#rest[0] === SYN.charCodeAt(0)) {
          if (!this.#takeSyn()) return undefined;
          await this.#stream.commit();
          this.#state = 'over';
          return '';
        }
        return this.#beginImage();
      case 'within':
        return this.#takeImage();
      case 'over':
        if (this.#rest.length > 0) throw new Error('more came after the end');
        return undefined;
    }
  }

  #takeSyn(): boolean {
    const text = this.#rest.subarray(0, SYN.length).toString('latin1');
    if (!SYN.startsWith(text)) throw new Error('no SYN where one is due');
    if (text.length < SYN.length) return false;
    this.#rest = this.#rest.subarray(SYN.length);
    return true;
  }

  async #beginImage(): Promise<string | undefined> {
    // The name may hold no brace, so the first closing one is the end; what is behind it is image already.
    const end = this.#rest.indexOf('}');
    if (end < 0 || end >= MAX_HEAD_BYTES) {
      if (this.#rest.length >= MAX_HEAD_BYTES) throw new Error('an announcement of an image has no end');
      return undefined;
    }
    const { name, size } = announced(this.#rest.subarray(0, end + 1).toString('utf8'));
    if (this.#names.has(name)) throw new Error(`image ${name} came twice`);
    if (this.#names.size >= MAX_IMAGES) throw new Error('too many images');
    this.#names.add(name);
    this.#rest = this.#rest.subarray(end + 1);
    await this.#stream.image(name);
    this.#left = size;
    this.#state = 'within';
    return '';
  }

  async #takeImage(): Promise<string | undefined> {
    if (this.#left > 0 && this.#rest.length === 0) return undefined;
    const part = this.#rest.subarray(0, this.#left);
    this.#rest = this.#rest.subarray(part.length);
    this.#left -= part.length;
    if (part.length > 0) await this.#stream.write(part);
    if (this.#left > 0) return '';
    this.#state = 'between';
    return IMAGE_ACK;
  }
}

function announced(text: string): { name: string; size: number } {
  const { img_name: name, img_size: size } = JSON.parse(text) as Record<string, unknown>;
  if (typeof name !== 'string' || !NAME.test(name)) throw new Error('an image has no plain name');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw new Error(`image ${name} has no size`);
  return { name, size };
}
