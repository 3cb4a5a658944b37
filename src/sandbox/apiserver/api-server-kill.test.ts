import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { linesOf } from './test-server.ts';

const PROGRAM = fileURLToPath(new URL('test-server-process.ts', import.meta.url));
const WRITERS = 8;
const KILLS = 3;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

interface Running {
  process: ChildProcess;
  url: string;
}

async function startProcess(directory: string): Promise<Running> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { process: child, url: line.toString().trim() };
}

/** A client without a pool that could hide a cut connection. */
class Client {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #agent: Agent;

  constructor(url: string, authority: string, token: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/merge-patch+json' };
    this.#agent = new Agent({ ca: authority, keepAlive: true });
  }

  open(method: string, path: string, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = method === 'POST' ? { ...this.#headers, 'content-type': 'application/json' } : this.#headers;
      httpsRequest(this.#url + path, { method, headers, agent: this.#agent }, resolve)
        .once('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read into whatever the server sent
  async call(method: string, path: string, body?: object): Promise<any> {
    const answer = await this.open(method, path, body);
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    return JSON.parse(text);
  }

  close(): void {
    this.#agent.destroy();
  }
}

test('a server killed in a storm of writes comes back with all it had acknowledged, and watches go on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'fermata-kill-'));
  let running = await startProcess(directory);
  const kubeconfig = JSON.parse(await readFile(join(directory, 'kubeconfig'), 'utf8'));
  const authority = Buffer.from(kubeconfig.clusters[0].cluster['certificate-authority-data'], 'base64').toString();
  const client = new Client(running.url, authority, kubeconfig.users[0].user.token);
  /** What the server said it had written last, by name. */
  const acknowledged = new Map<string, { count: number; resourceVersion: number }>();
  try {
    for (let writer = 0; writer < WRITERS; writer++) {
      const { metadata } = await client.call('POST', CONFIG_MAPS, {
        metadata: { name: `w${writer}` },
        data: { n: '0' },
      });
      acknowledged.set(`w${writer}`, { count: 0, resourceVersion: Number(metadata.resourceVersion) });
    }
    for (let kill = 0; kill < KILLS; kill++) {
      const before = Math.max(...[...acknowledged.values()].map((one) => one.resourceVersion));
      let writes = 0;
      const storm = [...acknowledged.keys()].map(async (name) => {
        for (;;) {
          const { count } = acknowledged.get(name) ?? { count: 0 };
          const body = { data: { n: String(count + 1) } };
          try {
            const object = await client.call('PATCH', `${CONFIG_MAPS}/${name}`, body);
            acknowledged.set(name, { count: count + 1, resourceVersion: Number(object.metadata.resourceVersion) });
            if (++writes === 200 + kill * 37) running.process.kill('SIGKILL');
          } catch {
            return; // cut by the kill
          }
        }
      });
      await Promise.all(storm);
      assert.ok(writes > 100, `only ${writes} writes before the kill`);

      const killedAt = running.url;
      running = await startProcess(directory);
      assert.equal(running.url, killedAt);
      const list = await client.call('GET', CONFIG_MAPS);
      for (const item of list.items) {
        const last = acknowledged.get(item.metadata.name);
        if (last === undefined) continue;
        const count = Number(item.data.n);
        // One more is right, too: written, and killed before the answer went out.
        assert.ok(
          count === last.count || count === last.count + 1,
          `${item.metadata.name}: ${count}, ${last.count} acknowledged`,
        );
        assert.ok(Number(item.metadata.resourceVersion) >= last.resourceVersion);
        acknowledged.set(item.metadata.name, { count, resourceVersion: Number(item.metadata.resourceVersion) });
      }
      // A watch from before the storm sees every version since, in order, and then the next write.
      const stream = await client.open('GET', `${CONFIG_MAPS}?watch=true&resourceVersion=${before}`);
      const next = await client.call('PATCH', `${CONFIG_MAPS}/w0`, { data: { n: '1000000' } });
      const counts = new Map<string, number>();
      let previous = before;
      for await (const { type, object } of linesOf(stream)) {
        const { metadata, data } = object as unknown as {
          metadata: { name: string; resourceVersion: string };
          data: { n: string };
        };
        assert.equal(type, 'MODIFIED');
        assert.ok(Number(metadata.resourceVersion) > previous, 'resourceVersions go up');
        previous = Number(metadata.resourceVersion);
        counts.set(metadata.name, Number(data.n));
        if (metadata.resourceVersion === next.metadata.resourceVersion) break;
      }
      acknowledged.set('w0', { count: 1_000_000, resourceVersion: previous });
      for (const [name, { count }] of acknowledged) assert.equal(counts.get(name), count, name);
    }
  } finally {
    client.close();
    running.process.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
