import type { Socket } from 'node:net';
import type { Clock } from '../clock/index.ts';
import { type Log, reasonOf } from '../model/index.ts';
import type { Coordinator } from './coordinator.ts';
import { MAX_REQUEST_BYTES, REPLY_MILLISECONDS, REQUEST_MILLISECONDS } from './defaults.ts';
import type { ImageStore, ImageStream } from './image-folder.ts';
import { ImageReceiver } from './image-receiver.ts';
import { ACK, type HookRequest, parseRequest } from './protocol.ts';
import { RequestSplitter } from './request-splitter.ts';

/** Longest head of an HTTP request. */
const MAX_HEAD_BYTES = 16 * 1024;
/** Requests of one connection waiting for the one before. */
const MAX_QUEUED = 64;

export interface ConnectionParts {
  clock: Clock;
  log: Log;
  coordinator: Coordinator;
  http: (head: string) => string;
  /** Takes the images of members that stream them; absent: nobody's. */
  images?: ImageStore;
}

/** One for all: the default reason takes a stack trace each time, which costs more than all else of a request. */
const GONE = new Error('whoever asked is gone');

/**
 * One connection: its requests are answered one after the other, and it is closed behind the last reply, since that is what
 * clients wait for. What is no request is closed without a word, as upstream does.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #splitter = new RequestSplitter();
  readonly #gone = new AbortController();
  readonly #queue: string[] = [];
  #head = '';
  #isHttp: boolean | undefined;
  #working = false;
  #closing = false;
  #streaming = false;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    const impatience = parts.clock.setTimer(REQUEST_MILLISECONDS, () => {
      if (!this.#working && !this.#streaming) socket.destroy();
    });
    socket.on('error', () => undefined); // the close that follows says all that matters
    // A hook that was killed ends its side like one that politely closes: either way nobody reads the reply.
    socket.once('end', () => this.#gone.abort(GONE));
    socket.once('close', () => {
      impatience.cancel();
      this.#gone.abort(GONE);
    });
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  #take(bytes: Buffer): void {
    if (this.#closing) return;
    this.#isHttp ??= bytes[0] === 'G'.charCodeAt(0);
    if (this.#isHttp) {
      this.#head += bytes.toString('latin1');
      if (this.#head.includes('\r\n\r\n')) this.#finish(this.#parts.http(this.#head));
      else if (this.#head.length > MAX_HEAD_BYTES) this.#socket.destroy();
      return;
    }
    const texts = this.#splitter.push(bytes);
    if (texts === 'invalid' || this.#splitter.pending > MAX_REQUEST_BYTES) {
      this.#socket.destroy();
      return;
    }
    this.#queue.push(...texts);
    if (this.#queue.length > MAX_QUEUED) {
      this.#socket.destroy();
      return;
    }
    this.#work().catch((error: unknown) => {
      this.#parts.log.error({ reason: reasonOf(error) }, 'a request could not be answered');
      this.#socket.destroy();
    });
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let text = this.#queue.shift(); text !== undefined; text = this.#queue.shift()) {
      const request = parseRequest(parseJson(text));
      const reply = request === undefined ? '' : await this.#parts.coordinator.answer(request, this.#gone.signal);
      if (reply === '' || this.#gone.signal.aborted) {
        this.#socket.destroy();
        return;
      }
      if (this.#queue.length === 0 && this.#splitter.pending === 0) {
        const { images } = this.#parts;
        const streams = request?.kind === 'hook' && request.action === 'pre-stream' && reply === ACK;
        if (streams && images !== undefined) await this.#receive(images, request);
        else this.#finish(reply);
        return;
      }
      this.#socket.write(reply);
    }
    this.#working = false;
  }

  /** Answers a `pre-stream`, then takes the images that come over the same connection. */
  async #receive(images: ImageStore, { session, id }: HookRequest): Promise<void> {
    const { log } = this.#parts;
    this.#streaming = true;
    this.#socket.removeAllListeners('data');
    let stream: ImageStream | undefined;
    let receiver: ImageReceiver | undefined;
    try {
      this.#socket.write(ACK);
      for await (const bytes of this.#socket as AsyncIterable<Buffer>) {
        stream ??= await images.begin({ session, id });
        receiver ??= new ImageReceiver(stream);
        const replies = await receiver.push(bytes);
        if (receiver.isOver) this.#finish(replies);
        else if (replies !== '') this.#socket.write(replies);
      }
      // A hook that takes part in the barrier and streams nothing: our own.
      if (receiver === undefined) this.#socket.destroy();
      else if (!receiver.isOver) throw new Error('the connection ended in the middle');
    } catch (error) {
      this.#socket.destroy();
      await stream?.abort();
      if (receiver?.isOver === true) return; // closed by force after its end
      log.warn({ session, member: id, reason: reasonOf(error) }, 'streamed images were refused');
    }
  }

  #finish(reply: string): void {
    this.#closing = true;
    const timer = this.#parts.clock.setTimer(REPLY_MILLISECONDS, () => this.#socket.destroy());
    this.#socket.once('close', () => timer.cancel());
    this.#socket.end(reply);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no request either
  }
}
