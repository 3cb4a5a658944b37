import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { adviceOf, FermataError, type Log, reasonOf } from '../../model/index.ts';
import { type CheckpointImage, type ImageRequest, parseImagePath } from './checkpoint-image.ts';
import { packLayer } from './checkpoint-layer.ts';

export interface ImageSource {
  /**
   * The image of a container that a pod of this node is to be restored from, and the folder that is its layer. `starting`: it is
   * asked for by name, as before a start. Undefined: no pod here is. Rejects when the data cannot be had, or is not what was sealed.
   */
  image(
    request: ImageRequest,
    starting: boolean,
    signal: AbortSignal,
  ): Promise<{ image: CheckpointImage; directory: string } | undefined>;
}

const JSON_TYPE = 'application/json';

/**
 * Checkpoints as images, for the container runtime of this node alone: a read-only registry (OCI distribution 1.1, pull) on the
 * loopback address, where container runtimes accept plain HTTP. Its pull is what makes the node fetch and verify the data, so that
 * a pod can be bound to any node at any time. It keeps no image: layers are packed as they are read.
 */
export class ImageServer {
  readonly #source: ImageSource;
  readonly #log: Log;
  readonly #port: number;
  readonly #stopping = new AbortController();
  readonly #server: Server;

  constructor(parts: { source: ImageSource; log: Log }, options: { port: number }) {
    this.#source = parts.source;
    this.#log = parts.log;
    this.#port = options.port;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        this.#log.warn({ url: request.url, reason: reasonOf(error) }, 'a pull of a checkpoint broke off');
        response.destroy();
      });
    });
  }

  /** Throws FermataError `AddressInUse`. */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new FermataError('AddressInUse', `127.0.0.1:${this.#port} cannot be listened on: ${reasonOf(error)}`, {
        cause: error,
        nextStep: 'name another port with --restore-port, the same on all nodes',
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the image server stops'));
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://node');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'UNSUPPORTED', 'read-only');
    if (pathname === '/v2/' || pathname === '/v2') return send(request, response, JSON_TYPE, Buffer.from('{}'));
    const asked = parseImagePath(pathname);
    if (asked === undefined) return refuse(response, 404, 'NAME_UNKNOWN', 'there are only checkpoints here');
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the reader went away')));
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    let found: Awaited<ReturnType<ImageSource['image']>>;
    try {
      found = await this.#source.image(asked, asked.kind === 'manifests' && !asked.reference.includes(':'), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#log.warn({ url: request.url, reason: reasonOf(error) }, 'a checkpoint was not given out');
      return refuse(response, 404, 'MANIFEST_UNKNOWN', adviceOf(error));
    }
    if (found === undefined)
      return refuse(response, 404, 'NAME_UNKNOWN', 'no pod of this node is to be restored from it');
    const { manifest, config, layer } = found.image;
    if (asked.kind === 'manifests') {
      if (asked.reference.includes(':') && asked.reference !== manifest.digest) {
        return refuse(response, 404, 'MANIFEST_UNKNOWN', 'no such manifest');
      }
      response.setHeader('docker-content-digest', manifest.digest);
      return send(request, response, MANIFEST_TYPE, manifest.bytes);
    }
    if (asked.reference === config.digest) return send(request, response, 'application/octet-stream', config.bytes);
    if (asked.reference !== layer.digest) return refuse(response, 404, 'BLOB_UNKNOWN', 'no such blob');
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': layer.sizeBytes });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    await pipeline(packLayer(found.directory, signal), response);
  }
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

function send(request: IncomingMessage, response: ServerResponse, type: string, bytes: Uint8Array): void {
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** Container runtimes show the message to the pod's owner. */
function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': JSON_TYPE });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}
