import { request as httpRequest, type IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '../../../kubernetes/index.ts';
import { PODS, type Pod, reasonOf } from '../../../model/index.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ServerContext } from '../server-context.ts';

/** The parameters of a kubelet's `/containerLogs`. */
const PASSED_ON = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'tailLines',
  'timestamps',
  'limitBytes',
  'stream',
];
/** More of an error's text than anybody reads. */
const MAXIMUM_ERROR_BYTES = 16_384;

/** `GET pods/{name}/log`: what the node process has of the container's output, streamed through. */
export async function sendPodLog(
  context: ServerContext,
  exchange: Exchange,
  key: { namespace: string; name: string },
): Promise<void> {
  const pod = await context.registry.get(PODS, key, { signal: exchange.signal });
  const container = containerOf(pod, exchange.query.get('container'));
  const { nodeName } = pod.spec;
  if (nodeName === undefined || nodeName === '') {
    throw new ApiError('BadRequest', `pod ${key.name} is not bound to a node yet, so it has no log`);
  }
  const query = new URLSearchParams();
  for (const name of PASSED_ON) {
    const value = exchange.query.get(name);
    if (value !== null) query.set(name, value);
  }
  const path = `/containerLogs/${[key.namespace, key.name, container].map(encodeURIComponent).join('/')}?${query}`;
  const answer = await ask(context.nodeSocket, path, nodeName, exchange.signal);
  const code = answer.statusCode ?? 500;
  if (code >= 400) throw refusal(code, await textOf(answer), nodeName);
  exchange.response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' });
  exchange.response.flushHeaders();
  try {
    await pipeline(answer, exchange.response, { signal: exchange.signal });
  } catch (error) {
    // The client has gone, the server stops, or the node broke off: the cut stream is all that can still be said.
    context.log.debug({ pod: key, reason: reasonOf(error) }, 'log stream ended early');
    exchange.response.destroy();
  }
}

function containerOf(pod: Pod, asked: string | null): string {
  const { containers, initContainers = [] } = pod.spec;
  const names = [...initContainers, ...containers].map(({ name }) => name);
  const choice = `choose one of: [${names.join(' ')}]`;
  if (asked) {
    if (names.includes(asked)) return asked;
    throw new ApiError('BadRequest', `container ${asked} is not valid for pod ${pod.metadata.name}, ${choice}`);
  }
  const [only, ...others] = containers;
  if (only !== undefined && others.length === 0) return only.name;
  throw new ApiError('BadRequest', `a container name must be specified for pod ${pod.metadata.name}, ${choice}`);
}

function ask(socketPath: string, path: string, nodeName: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, signal, headers: { Host: 'node' } }, resolve);
    request.once('error', (error) => {
      reject(
        new ApiError('ServiceUnavailable', `node ${nodeName} does not answer on ${socketPath}: ${reasonOf(error)}`, {
          cause: error,
          nextStep: 'its process is starting again or was stopped; try again in a moment',
        }),
      );
    });
    request.end();
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > MAXIMUM_ERROR_BYTES) break;
  }
  return text.slice(0, MAXIMUM_ERROR_BYTES).trim();
}

function refusal(code: number, text: string, nodeName: string): ApiError {
  const reason = code === 404 ? 'NotFound' : code === 400 ? 'BadRequest' : 'InternalError';
  return new ApiError(reason, text === '' ? `node ${nodeName} answered ${code}` : text, { status: code });
}
