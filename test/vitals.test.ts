import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import { SystemClock } from '../src/clock/index.ts';
import { PODS, SILENT_LOG } from '../src/model/index.ts';
import { SandboxApiServer } from '../src/sandbox/index.ts';
import { OWN_COMMAND } from './sandbox-harness.ts';

let directory: string;
let server: SandboxApiServer;
let kubeconfig: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fermata-vitals-'));
  const parts = { clock: new SystemClock(), random: Math.random, log: SILENT_LOG };
  server = new SandboxApiServer(parts, { directory, nodeSocket: join(directory, 'node.sock') });
  kubeconfig = (await server.start()).kubeconfigPath;
});

after(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  const closed = once(probe, 'close');
  probe.close();
  await closed;
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Running {
  get(path: string): Promise<{ code: number; text: string }>;
  log(): string;
}

/** Runs the role until `use` is done, then ends it as a kubelet would. */
async function withRole(
  role: string,
  flags: readonly string[],
  use: (running: Running) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const address = ['--health-address', `127.0.0.1:${port}`];
  const all = [...OWN_COMMAND.arguments, role, '--kubeconfig', kubeconfig, ...address, ...flags];
  const child = spawn(OWN_COMMAND.command, all, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  const exited = once(child, 'exit');
  const get = async (path: string): Promise<{ code: number; text: string }> => {
    for (let tries = 0; ; tries++) {
      try {
        const answer = await request(`http://127.0.0.1:${port}${path}`);
        return { code: answer.statusCode, text: await answer.body.text() };
      } catch (error) {
        if (tries === 200) throw new Error(`${role} does not answer: ${log}`, { cause: error });
        await pause(100);
      }
    }
  };
  try {
    await use({ get, log: () => log });
  } finally {
    child.kill('SIGTERM');
    assert.equal((await exited)[0], 0, log);
  }
}

async function becomesReady({ get }: Running): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    const { code, text } = await get('/readyz');
    if (code === 200) return text;
    await pause(100);
  }
  return assert.fail((await get('/readyz')).text);
}

test('the scheduler tells that it lives, when it is ready, and what waits', async () => {
  await withRole('scheduler', ['--scheduler-name', 'fermata', '--log-format', 'text'], async (role) => {
    assert.equal((await role.get('/healthz')).code, 200);
    assert.match(await becomesReady(role), /\[\+\]leadership ok\n\[\+\]cluster ok\nok/);
    const containers = [{ name: 'c', image: 'i' }];
    await server.registry?.create(PODS, {
      metadata: { namespace: 'default', name: 'p' },
      spec: { schedulerName: 'fermata', containers },
    });
    for (let tries = 0; ; tries++) {
      const { text } = await role.get('/metrics');
      if (/^scheduler_schedule_attempts_total\{result="unschedulable",profile="fermata"\} [1-9]/m.test(text)) {
        assert.match(text, /^scheduler_pending_pods\{queue="unschedulable"\} 1$/m);
        assert.match(text, /^leader_election_master_status\{name="fermata-scheduler"\} 1$/m);
        assert.match(text, /^rest_client_requests_total\{code="200",method="GET"\} \d+$/m);
        break;
      }
      assert.ok(tries < 200, text);
      await pause(100);
    }
    assert.equal((await role.get('/nothing')).code, 404);
    assert.match(role.log(), /^\d{4}-\S+Z INFO {2}scheduler \S.*/m);
  });
});

test('a second replica is ready while it waits for the first', async () => {
  await withRole('controller', [], async (first) => {
    await becomesReady(first);
    assert.match((await first.get('/metrics')).text, /^fermata_suspended_workloads 0$/m);
    assert.match(first.log(), /^\{"level":"info",.*"role":"controller"/m);
    await withRole('controller', [], async (second) => {
      await becomesReady(second);
      assert.match(
        (await second.get('/metrics')).text,
        /^leader_election_master_status\{name="fermata-controller"\} 0$/m,
      );
    });
  });
});

test('a webhook that nobody configured lives, and is not ready', async () => {
  await withRole('webhook', ['--port', '0'], async (role) => {
    assert.equal((await role.get('/healthz')).code, 200);
    const { code, text } = await role.get('/readyz');
    assert.deepEqual([code, text], [503, '[-]serving: there is no certificate yet\nnot ready\n']);
  });
});

test('an address that is none is refused at once', async () => {
  const flags = [...OWN_COMMAND.arguments, 'controller', '--kubeconfig', kubeconfig, '--health-address', 'here'];
  const child = spawn(OWN_COMMAND.command, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.on('data', (part: Buffer) => {
    text += part.toString();
  });
  assert.equal((await once(child, 'exit'))[0], 1);
  assert.match(text, /"here" is not an address to listen on/);
});
