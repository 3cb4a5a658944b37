import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { FermataError } from '../../model/index.ts';

/** The same bytes whenever it is packed: nothing of where and when the files lie goes in. */
const SAME_BYTES = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/** What the layer of that folder is, without keeping it. Throws FermataError `CopyFailed`, or the signal's reason. */
export async function describeLayer(
  directory: string,
  signal: AbortSignal,
): Promise<{ digest: string; sizeBytes: number }> {
  const digest = createHash('sha256');
  let sizeBytes = 0;
  for await (const part of packLayer(directory, signal)) {
    digest.update(part);
    sizeBytes += part.length;
  }
  return { digest: `sha256:${digest.digest('hex')}`, sizeBytes };
}

/** The folder as a tar archive, as it is read. Throws FermataError `CopyFailed`, or the signal's reason. */
export async function* packLayer(directory: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const tar = spawn('tar', [...SAME_BYTES, '-C', directory, '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const ended = endOf(tar);
  try {
    yield* tar.stdout as Readable & AsyncIterable<Buffer>;
    const failure = await ended;
    signal.throwIfAborted();
    if (failure !== undefined) throw new FermataError('CopyFailed', `tar of ${directory}: ${failure}`);
  } finally {
    tar.kill('SIGKILL');
    await ended;
  }
}

/** Why it failed; undefined: it did not. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < 4096) said += text;
  });
  try {
    const [code] = await once(child, 'close');
    return code === 0 ? undefined : said.trim() || `exit code ${code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
