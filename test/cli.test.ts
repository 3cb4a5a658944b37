import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { HttpStore, loadKubeconfig } from '../src/kubernetes/index.ts';
import { PODS, type Pod } from '../src/model/index.ts';
import { OWN_COMMAND } from './sandbox-harness.ts';

interface Result {
  status: number | null;
  out: string;
  err: string;
}

let folder: string;
let store: HttpStore;
/** The sandbox most tests use: two nodes of one cpu. */
const dir = (): string => join(folder, 'one');

async function fermata(...args: string[]): Promise<Result> {
  const child = spawn(OWN_COMMAND.command, [...OWN_COMMAND.arguments, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: folder },
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, out, err };
}

/** The result of a command that must succeed, about the sandbox. */
async function told(...args: string[]): Promise<string> {
  const { status, out, err } = await fermata(...args, '--dir', dir());
  assert.equal(status, 0, err);
  return out;
}

const up = (name: string, ...args: string[]): Promise<Result> =>
  fermata('up', '--detach', '--dir', join(folder, name), '--runtime', 'simulated', ...args);

async function createPod(name: string, cpu = '1'): Promise<void> {
  await store.create(PODS, {
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'any', resources: { requests: { cpu } } }] },
  });
}

/** Looks until `holds` of the pod; gives up after ten seconds. */
async function podWhen(name: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { items } = await store.list(PODS, { namespace: 'default', fieldSelector: `metadata.name=${name}` });
    const pod = items[0];
    if (pod !== undefined && holds(pod)) return pod;
    assert.ok(Date.now() < deadline, `pod ${name}: ${JSON.stringify(pod?.status)}`);
    await sleep(20);
  }
}

const isRunning = (pod: Pod): boolean => pod.status?.phase === 'Running';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-cli-'));
  const { status, out, err } = await up('one', '--nodes', '2', '--node-cpu', '1');
  assert.equal(status, 0, err);
  assert.match(out, /^Runtime: simulated\. .*\nSandbox with 2 nodes in .* is ready\. .*\n {2}export KUBECONFIG=\S+\n$/);
  store = new HttpStore(await loadKubeconfig({ path: join(dir(), 'kubeconfig') }));
});

after(async () => {
  await store?.close();
  for (const name of ['one', 'two']) await fermata('down', '--dir', join(folder, name));
  await rm(folder, { recursive: true, force: true });
});

describe('wrong use is named, with exit status 2', () => {
  const CASES: Readonly<Record<string, { args: string[]; says: RegExp }>> = {
    'of what to list': { args: ['get', 'pods'], says: /does not list "pods"\n {2}it lists checkpoints/ },
    'of a missing pod': { args: ['checkpoint'], says: /checkpoint takes one pod, or a selector/ },
    'of something that is no pod': { args: ['suspend', 'service/x'], says: /"service\/x" does not name a pod/ },
    'of an empty name': { args: ['explain', 'pod/'], says: /"pod\/" does not name a pod/ },
    'of a name of two parts': { args: ['resume', 'pod/a/b'], says: /"pod\/a\/b" does not name a pod/ },
    'of no time for a dump': { args: ['checkpoint', 'x', '--timeout', '0'], says: /--timeout takes whole seconds/ },
    'of a time with a unit': { args: ['suspend', 'x', '--timeout', '5m'], says: /--timeout takes .*not "5m"/ },
    'of too long a time': { args: ['resume', 'x', '--timeout', '3601'], says: /from 1 to 3600/ },
    'of a format': { args: ['explain', 'x', '-o', 'table'], says: /Allowed choices are json, yaml/ },
    'of a width': { args: ['timeline', '--width', 'wide'], says: /--width takes .*not "wide"/ },
    'of no nodes': { args: ['up', '--nodes', '0'], says: /--nodes takes a whole number from 1 to 100/ },
    'of a quantity': { args: ['up', '--node-cpu', 'much'], says: /--node-cpu: .*much/ },
    'of a port': { args: ['up', '--port', '70000'], says: /--port takes a whole number/ },
    'of a network': { args: ['up', '--network', 'host'], says: /Allowed choices are none, bridge/ },
    'of the memory of the demo': { args: ['demo', '--memory', 'lots'], says: /--memory takes whole MiB/ },
  };
  for (const [sentence, { args, says }] of Object.entries(CASES)) {
    test(sentence, async () => {
      const { status, out, err } = await fermata(...args);
      assert.match(err, says);
      assert.deepEqual([status, out], [2, '']);
    });
  }
});

describe('where there is no sandbox', () => {
  for (const args of [
    ['get', 'checkpoints'],
    ['timeline'],
    ['explain', 'x'],
    ['checkpoint', 'x'],
    ['resume', 'x'],
    ['down'],
  ]) {
    test(`${args[0]} says so`, async () => {
      const { status, err } = await fermata(...args, '--dir', join(folder, 'none'));
      assert.match(err, /^error: there is no sandbox in \S+none\n {2}\S/);
      assert.equal(status, 1);
    });
  }

  test('a command without a cluster says how to name one', async () => {
    const { status, err } = await fermata('get', 'checkpoints');
    assert.match(err, /--kubeconfig or \$KUBECONFIG, or start a sandbox/);
    assert.equal(status, 1);
  });
});

for (const command of ['checkpoint', 'suspend', 'resume', 'explain']) {
  test(`${command} of a pod that does not exist says so`, async () => {
    const { status, err } = await fermata(command, 'pod/nobody', '--dir', dir());
    assert.match(err, /^error: there is no pod "nobody" in namespace "default"\n {2}kubectl get pods -A/m);
    assert.equal(status, 1);
  });
}

test('a pod that waits cannot be checkpointed or resumed, and is explained', async () => {
  await createPod('large', '8');
  await podWhen('large', (pod) => (pod.status?.conditions ?? []).some(({ type }) => type === 'PodScheduled'));
  const checkpoint = await fermata('checkpoint', 'large', '--dir', dir());
  assert.match(checkpoint.err, /^error: pod large is Pending: only a running pod can be checkpointed/);
  const resume = await fermata('resume', 'large', '--dir', dir());
  assert.match(resume.err, /^error: pod large is not suspended/);
  assert.deepEqual([checkpoint.status, resume.status], [1, 1]);
  assert.match(await told('explain', 'large'), /^pod default\/large: waits to be scheduled; .*\n/);
  await store.delete(PODS, { namespace: 'default', name: 'large' }, { gracePeriodSeconds: 0 });
});

test('nothing is listed before there is a checkpoint', async () => {
  assert.equal(await told('get', 'checkpoints'), 'no checkpoints in this namespace; -A shows all\n');
  assert.equal(await told('get', 'checkpoints', '-A'), 'no checkpoints\n');
  assert.equal(await told('get', 'checkpoints', '-o', 'json'), '[]\n');
});

test('a pod is checkpointed, suspended, explained and resumed, as text, JSON and YAML', async () => {
  await createPod('thesis');
  const first = await podWhen('thesis', isRunning);
  assert.match(
    await told('checkpoint', 'pod/thesis'),
    /^podcheckpoint\/thesis-\w{8}-1 is ready: [\d.]+ MiB on node node-\d, taken in \d+ ms\n$/,
  );
  const second = JSON.parse(await told('checkpoint', 'thesis', '-o', 'json'));
  assert.equal(second.spec.sourcePod.uid, first.metadata.uid);
  assert.equal(
    parse(await told('checkpoint', 'thesis', '-o', 'yaml')).status.conditions[0].reason,
    'CheckpointCompleted',
  );

  const suspended = await told('suspend', 'po/thesis');
  assert.match(suspended, /-4 is ready: .*\npod thesis is suspended; go on with: fermata resume pod\/thesis\n$/s);
  await podWhen('thesis', (pod) => pod.status?.reason === 'Suspended');

  const table = await told('get', 'checkpoints');
  assert.match(table, /^NAME +/);
  assert.equal(table.trimEnd().split('\n').length, 5);
  assert.match(await told('get', 'pcp', '-A'), /^NAMESPACE +NAME .*\ndefault +thesis-/);
  assert.equal(JSON.parse(await told('get', 'checkpoints', '-o', 'json')).length, 4);
  assert.equal(parse(await told('get', 'checkpoints', '-o', 'yaml')).length, 4);

  assert.match(
    await told('explain', 'thesis'),
    /^pod default\/thesis: suspended by request; goes on with: fermata resume pod\/thesis\n/,
  );
  const explained = JSON.parse(await told('explain', 'thesis', '-o', 'json'));
  assert.deepEqual(
    explained.interruptions.map(({ checkpoint }: { checkpoint: string }) => checkpoint.split('-').at(-1)),
    ['1', '2', '3', '4'],
  );
  assert.deepEqual(parse(await told('explain', 'thesis', '-o', 'yaml')), explained);

  assert.deepEqual(JSON.parse(await told('resume', 'thesis', '--wait', '-o', 'json')), {
    pod: 'thesis',
    namespace: 'default',
    state: 'running',
  });
  assert.equal(await told('resume', 'thesis'), 'pod/thesis runs already\n');
  assert.equal(parse(await told('resume', 'thesis', '-o', 'yaml')).state, 'runs already');

  const drawn = await told('timeline', '--width', '80');
  assert.match(drawn, /node node-\d\n {2}default\/thesis +\S.*█/);
  const stages = JSON.parse(await told('timeline', '-o', 'json')).map(({ stage }: { stage: string }) => stage);
  for (const stage of ['running', 'checkpointing', 'suspended']) assert.ok(stages.includes(stage), stage);
  assert.ok(Array.isArray(parse(await told('timeline', '-A', '-o', 'yaml'))));
});

test('a pod stopped by a checkpoint comes back when there is room', async () => {
  const { metadata } = await podWhen('thesis', isRunning);
  assert.match(
    await told('checkpoint', 'thesis', '--stop'),
    /pod thesis is stopped and comes back when there is room\n$/,
  );
  await podWhen('thesis', (pod) => isRunning(pod) && pod.metadata.uid !== metadata.uid);
});

test('a sandbox that runs is not started twice', async () => {
  for (const args of [[], ['--detach']]) {
    const { status, err } = await fermata('up', '--dir', dir(), ...args);
    assert.match(err, /^error: the sandbox in \S+one runs already \(process \d+\)\n {2}use it: export KUBECONFIG=/);
    assert.equal(status, 1);
  }
});

test('a folder that holds something else is left alone', async () => {
  const { status, err } = await fermata('up', '--dir', folder, '--runtime', 'simulated', '--detach');
  assert.match(err, /^error: \S+ exists and is not a sandbox of fermata\n {2}choose another folder/);
  assert.equal(status, 1);
});

test('two sandboxes run side by side, each with its own objects', async () => {
  const { status, err } = await up('two');
  assert.equal(status, 0, err);
  const other = join(folder, 'two');
  assert.match((await fermata('explain', 'thesis', '--dir', other)).err, /there is no pod "thesis"/);
  assert.match(await told('explain', 'thesis'), /^pod default\/thesis: Running/);
  assert.deepEqual(await fermata('down', '--dir', other), { status: 0, out: `sandbox removed: ${other}\n`, err: '' });
});

test('after the supervisor was killed, up brings the objects back, and running pods go on', async () => {
  const before = await podWhen('thesis', isRunning);
  const supervisor = Number((await readFile(join(dir(), 'run', 'supervisor'), 'utf8')).split(' ')[0]);
  process.kill(supervisor, 'SIGKILL');
  const { status, err } = await fermata('up', '--detach', '--dir', dir());
  assert.equal(status, 0, err);
  const now = await podWhen('thesis', isRunning);
  assert.equal(now.metadata.uid, before.metadata.uid);
  assert.deepEqual(
    now.status?.containerStatuses?.map(({ restartCount, state }) => [restartCount, state?.running?.startedAt]),
    before.status?.containerStatuses?.map(({ restartCount, state }) => [restartCount, state?.running?.startedAt]),
  );
  assert.match(await told('checkpoint', 'thesis'), /is ready/);
});

test('a sandbox keeps what it was made of until it is removed', async () => {
  const stopped = await fermata('down', '--keep-state', '--dir', dir());
  assert.deepEqual([stopped.status, stopped.out], [0, `sandbox stopped; its state is kept in ${dir()}\n`]);
  const changed = await up('one', '--nodes', '3');
  assert.match(changed.err, /was made with --nodes 2, not 3\n {2}leave the option out, or remove the sandbox first/);
  assert.equal(changed.status, 2);
  const again = await up('one', '--nodes', '2', '--node-cpu', '1000m');
  assert.equal(again.status, 0, again.err);
  assert.match(await told('explain', 'thesis'), /^pod default\/thesis: /);
});

test('down removes everything, and a second down finds nothing', async () => {
  const { status, out } = await fermata('down', '--dir', dir());
  assert.deepEqual([status, out], [0, `sandbox removed: ${dir()}\n`]);
  const second = await fermata('down', '--dir', dir());
  assert.match(second.err, /^error: there is no sandbox in/);
  assert.equal(second.status, 1);
});
