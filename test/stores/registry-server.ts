import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackedPackage } from './debian-programs.ts';

/** A real OCI registry: Debian's `docker-registry`, on a loopback port. */
export class RegistryServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** `htpasswd`: a line of `user:bcrypt`; the registry then wants a name and password. */
  static async start(options: { htpasswd?: string } = {}): Promise<RegistryServer> {
    const root = await unpackedPackage('docker-registry');
    const folder = await mkdtemp(join(tmpdir(), 'fermata-registry-'));
    const port = await freePort();
    const lines = [
      'version: 0.1',
      'log: { level: error, accesslog: { disabled: true } }',
      'storage:',
      `  filesystem: { rootdirectory: ${join(folder, 'data')} }`,
      '  delete: { enabled: true }',
      '  maintenance: { uploadpurging: { enabled: false } }',
      `http: { addr: "127.0.0.1:${port}", secret: fermata }`,
    ];
    if (options.htpasswd !== undefined) {
      await writeFile(join(folder, 'htpasswd'), `${options.htpasswd}\n`);
      lines.push(`auth: { htpasswd: { realm: test, path: ${join(folder, 'htpasswd')} } }`);
    }
    await writeFile(join(folder, 'config.yml'), `${lines.join('\n')}\n`);
    const program = join(root, 'usr', 'bin', 'docker-registry');
    const child = spawn(program, ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (piece) => {
      said += String(piece);
    });
    for (let waited = 0; ; waited++) {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer !== undefined) break;
      if (child.exitCode !== null || waited > 300) throw new Error(`docker-registry did not start: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return new RegistryServer(port, child, folder);
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
