import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists, unpackedPackage } from './debian-programs.ts';

const PROGRAM = fileURLToPath(new URL('swift-server.py', import.meta.url));

/** A real S3 server: Debian's OpenStack Swift with its `s3api`. */
export class SwiftServer {
  static readonly credentials = { accessKeyId: 'test:tester', secretAccessKey: 'testing' };
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  static async start(): Promise<SwiftServer> {
    const root = await unpackedPackage('python3-swift');
    const folder = await mkdtemp(join(tmpdir(), 'fermata-swift-'));
    const own = join(root, 'usr', 'bin', 'python3.11'); // unpacked only where the machine has none
    const python = (await exists(own)) ? own : '/usr/bin/python3';
    const env = {
      PATH: process.env.PATH,
      PYTHONPATH: join(root, 'usr', 'lib', 'python3', 'dist-packages'),
      LD_LIBRARY_PATH: join(root, 'usr', 'lib', process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'),
      PYTHONDONTWRITEBYTECODE: '1',
      ...(python === own ? { PYTHONHOME: join(root, 'usr') } : {}),
    };
    const child = spawn(python, [PROGRAM, folder], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (piece) => {
      said += String(piece);
    });
    const ended = once(child, 'close').then(() => Promise.reject(new Error(`Swift did not start: ${said}`)));
    const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer];
    ended.catch(() => undefined); // ends when it is stopped
    return new SwiftServer(Number(String(line).trim()), child, folder);
  }

  async stop(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.stdin?.end();
    await closed;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
