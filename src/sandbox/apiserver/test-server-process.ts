import { join } from 'node:path';
import { SystemClock, seededRandom } from '../../clock/index.ts';
import { SILENT_LOG } from '../../model/index.ts';
import { SandboxApiServer } from './sandbox-api-server.ts';

// A server as a process of its own, for tests that kill it: `node test-server-process.ts <directory>`.
const [, , directory = ''] = process.argv;
const server = new SandboxApiServer(
  { clock: new SystemClock(), random: seededRandom(1), log: SILENT_LOG },
  { directory, nodeSocket: join(directory, 'nodes.sock') },
);
const { url } = await server.start();
process.stdout.write(`${url}\n`);
