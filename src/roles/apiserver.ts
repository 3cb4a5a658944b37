import { SystemClock } from '../clock/index.ts';
import { SandboxApiServer, SandboxDirectory } from '../sandbox/index.ts';
import { createLog } from './log.ts';
import type { Running } from './role.ts';

/** The sandbox's API server, on the state in `directory`. */
export async function startApiServer(directory: string): Promise<Running> {
  const sandbox = new SandboxDirectory(directory);
  const port = sandbox.readConfiguration()?.port;
  const server = new SandboxApiServer(
    { clock: new SystemClock(), random: Math.random, log: createLog('apiserver') },
    { directory: sandbox.root, nodeSocket: sandbox.nodeSocket, ...(port === undefined ? {} : { port }) },
  );
  await server.start();
  return { stop: () => server.stop() };
}
