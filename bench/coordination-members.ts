import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/**
 * Simulated members of `bench/coordination.ts`: `coordination-members.ts barrier|throughput PORT MEMBERS`. Sends its parent the
 * milliseconds that each member waited at `post-dump`, or how many hooks were answered a second.
 */
const ROUNDS = 20;
const THROUGHPUT_MILLISECONDS = 2_000;

const [work, port, count] = process.argv.slice(2);
const members = Number(count);

/** One member's connection, ready to be asked on. */
async function connection(): Promise<Socket> {
  const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** From the request to its answer, ms. */
function ask(socket: Socket, request: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    socket.once('data', (reply) => {
      const took = performance.now() - began;
      if (reply.toString() === 'ACK') resolve(took);
      else reject(new Error(`the coordinator said "${reply.toString()}"`));
    });
    socket.once('error', reject);
    socket.write(JSON.stringify(request));
  });
}

async function askAll(action: string): Promise<number[]> {
  const sockets = await Promise.all(Array.from({ length: members }, connection));
  const shared = { action, dependencies: '', session: `bench-${work}`, group: `g${members}`, members };
  return Promise.all(sockets.map((socket, index) => ask(socket, { id: `m${index}`, ...shared })));
}

/** All members come to post-dump at once: what each waits beyond that is what coordination costs it. */
async function barrier(): Promise<number[]> {
  const waits: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await askAll('pre-dump');
    waits.push(...(await askAll('post-dump')));
  }
  return waits;
}

async function throughput(): Promise<number[]> {
  const began = performance.now();
  let hooks = 0;
  while (performance.now() - began < THROUGHPUT_MILLISECONDS) {
    for (const action of ['pre-dump', 'post-dump']) hooks += (await askAll(action)).length;
  }
  return [Math.round((hooks / (performance.now() - began)) * 1_000)];
}

const figures = work === 'barrier' ? await barrier() : await throughput();
// Disconnected sooner, a long message would be cut.
process.send?.(figures, () => process.disconnect());
