import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Nodes that share one machine share its loopback address, where each one's agent gives out checkpoints to its own container
 * runtime: asks all of them, and passes on what the one answers that has the pod.
 */
export async function startImageFront(agents: readonly number[]): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((asked, response) => {
    const answers = agents.map(
      (port) =>
        new Promise<IncomingMessage>((resolve, reject) => {
          const { method, url: path } = asked;
          request({ host: '127.0.0.1', port, ...(method && { method }), ...(path && { path }) }, (answer) => {
            if (answer.statusCode === 200) resolve(answer);
            else {
              answer.resume();
              reject(new Error(`status ${answer.statusCode}`));
            }
          })
            .once('error', reject)
            .end();
        }),
    );
    Promise.any(answers).then(
      (answer) => {
        response.writeHead(200, answer.headers);
        answer.pipe(response);
      },
      () => {
        response.writeHead(404);
        response.end();
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
