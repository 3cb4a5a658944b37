import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SystemClock } from '../../clock/index.ts';
import { FermataError, type Pod, SILENT_LOG } from '../../model/index.ts';
import { criuImages } from '../simulated/criu-writer.ts';
import { HostProcesses } from './host-processes.ts';
import type { ContainerToCheckpoint, KubeletEndpoint } from './kubelet-endpoint.ts';
import { KubeletRuntime } from './kubelet-runtime.ts';

const UID = '010833b9-562c-46ab-a7e0-2ff0b57235ef';
const IDS: Record<string, string> = { left: 'a'.repeat(64), right: 'b'.repeat(64) };
const STATISTICS = {
  freezingMicroseconds: 1,
  frozenMicroseconds: 2,
  memdumpMicroseconds: 3,
  memwriteMicroseconds: 4,
  pagesScanned: 1,
  pagesSkippedParent: 0,
  pagesWritten: 1,
};

let root: string;
let kubelet: FakeKubelet;
let signals: string[];
let pods: Pod[];
let runtime: KubeletRuntime;
/** How far the clock is ahead, ms. */
let elapsed = 0;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'fermata-kubelet-'));
  kubelet = new FakeKubelet();
  signals = [];
  pods = [pod('left')];
  runtime = newRuntime();
  await runtime.prepare();
});
afterEach(() => rmSync(root, { recursive: true }));

function newRuntime(): KubeletRuntime {
  return new KubeletRuntime(
    {
      kubelet,
      clock: Object.assign(new SystemClock(), { monotonic: () => performance.now() + elapsed }),
      log: SILENT_LOG,
      pods: async () => pods,
      processes: new HostProcesses(join(root, 'proc')),
      signal: (pid, name) => {
        signals.push(`${name} ${pid}`);
        if (name === 'SIGCONT') setState(pid, 'S');
      },
    },
    { root },
  );
}

/** What the kubelet, the container runtime and CRIU with the hook do, up to what each test has them do differently. */
class FakeKubelet implements KubeletEndpoint {
  asked: ContainerToCheckpoint[] = [];
  /** By container: what comes instead of an archive. */
  refuses: Record<string, { status: number; message: string }> = {};
  runsHook = true;
  /** Takes one container after the other: the hook of the first waits for the second in vain. */
  isSerial = false;
  cuts = false;
  readonly #over = Promise.withResolvers<void>();

  async checkpoint(container: ContainerToCheckpoint) {
    this.asked.push(container);
    if (this.isSerial) return this.#waitInVain(container.container);
    const id = IDS[container.container] ?? '';
    if (this.runsHook) this.#hold(id);
    const refusal = this.refuses[container.container];
    if (refusal !== undefined) return refusal;
    const path = `/var/lib/kubelet/checkpoints/checkpoint-${container.pod}_${container.namespace}-${container.container}-2026-01-01T00:00:00Z.tar`;
    const content = join(root, `content-${container.container}`);
    mkdirSync(join(content, 'checkpoint'), { recursive: true });
    const pages = new Uint8Array(4096).fill(7);
    for (const [name, bytes] of criuImages(pages, 4096, STATISTICS)) {
      const cut = this.cuts && name === 'pages-1.img' ? bytes.subarray(0, 100) : bytes;
      writeFileSync(join(content, name === 'stats-dump' ? name : join('checkpoint', name)), cut);
    }
    mkdirSync(join(root, 'var/lib/kubelet/checkpoints'), { recursive: true });
    execFileSync('tar', ['-cf', join(root, path), '-C', content, '.']);
    return { paths: [path] };
  }

  /** As the hook does, without its time. */
  async #waitInVain(container: string): Promise<{ status: number; message: string }> {
    if (this.asked.length > 1) await this.#over.promise;
    else {
      writeFileSync(join(root, 'run/fermata/holds', UID, `${IDS[container]}.reached`), '');
      elapsed += 10_000;
      queueMicrotask(() => setImmediate(() => this.#over.resolve()));
    }
    return { status: 500, message: 'criu failed: type NOTIFY errno 0' };
  }

  #hold(id: string): void {
    const hold = join(root, 'run/fermata/holds', UID);
    if (!existsSync(join(hold, `${id}.requested`))) return;
    renameSync(join(hold, `${id}.requested`), join(hold, `${id}.stopped`));
    for (const pid of readdirSync(join(root, 'proc')))
      if (idOfProcess.get(Number(pid)) === id) setState(Number(pid), 'T');
  }
}

const idOfProcess = new Map<number, string>();

function pod(...containers: string[]): Pod {
  containers.forEach((name, index) => {
    const pid = 100 + index;
    const id = IDS[name] ?? '';
    idOfProcess.set(pid, id);
    mkdirSync(join(root, 'proc', String(pid)), { recursive: true });
    writeFileSync(join(root, 'proc', String(pid), 'cgroup'), `0::/kubepods/pod${UID}/${id}\n`);
    setState(pid, 'S');
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'team',
      name: 'thesis',
      uid: UID,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { containers: containers.map((name) => ({ name, image: `image-of-${name}` })) },
    status: {
      phase: 'Running',
      containerStatuses: containers.map((name) => ({
        name,
        containerID: `containerd://${IDS[name]}`,
        image: `image-of-${name}`,
        imageID: '',
        ready: true,
        restartCount: 0,
        state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
      })),
    },
  };
}

function setState(pid: number, state: string): void {
  const path = join(root, 'proc', String(pid));
  if (existsSync(path)) writeFileSync(join(path, 'stat'), `${pid} (a name) ${state} 1 1 1`);
}

const order = (leaveRunning = false) => ({
  directory: join(root, 'checkpoint'),
  leaveRunning,
  timeoutMilliseconds: 300_000,
});

const states = async () => (await runtime.list())[0]?.containers.map(({ name, state }) => `${name} ${state}`);

function kubeletFolder(): string[] {
  return existsSync(join(root, 'var/lib/kubelet/checkpoints'))
    ? readdirSync(join(root, 'var/lib/kubelet/checkpoints'))
    : [];
}

async function failsAndRunsOn(code: string, message: RegExp): Promise<void> {
  await assert.rejects(runtime.checkpointPod(UID, order()), (error) => {
    assert.ok(error instanceof FermataError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
  assert.ok((await states())?.every((state) => state.endsWith(' running')));
  assert.equal(existsSync(join(root, 'checkpoint')), false);
  assert.deepEqual(readdirSync(join(root, 'run/fermata/holds')), []);
  assert.deepEqual(kubeletFolder(), []);
}

test('all containers of a pod are dumped and held, with the time that was given, and the kubelet keeps nothing', async () => {
  pods = [pod('left', 'right')];
  const report = await runtime.checkpointPod(UID, order());
  assert.deepEqual(
    kubelet.asked.map(({ container, timeoutSeconds }) => [container, timeoutSeconds]),
    [
      ['left', 300],
      ['right', 300],
    ],
  );
  assert.deepEqual(
    report.containers.map(({ name, image, frozenMicroseconds }) => [name, image, frozenMicroseconds]),
    [
      ['left', 'image-of-left', 2],
      ['right', 'image-of-right', 2],
    ],
  );
  assert.deepEqual(await states(), ['left frozen', 'right frozen']);
  assert.ok(existsSync(join(root, 'checkpoint/right/checkpoint/pages-1.img')));
  assert.deepEqual(kubeletFolder(), []);
  assert.deepEqual(signals, []);
});

test('a pod that is to run on is held by nobody', async () => {
  await runtime.checkpointPod(UID, order(true));
  assert.deepEqual(await states(), ['left running']);
  assert.deepEqual(readdirSync(join(root, 'run/fermata/holds')), []);
});

test('when one container cannot be dumped the others go on', async () => {
  pods = [pod('left', 'right')];
  kubelet.refuses = { right: { status: 500, message: 'CRIU dump failed: io_uring' } };
  await failsAndRunsOn('DumpFailed', /container right failed: CRIU dump failed: io_uring/);
  assert.deepEqual(signals, ['SIGCONT 100', 'SIGCONT 101']);
});

test('where a node dumps the containers of a pod one after the other, that is the reason', async () => {
  pods = [pod('left', 'right')];
  kubelet.isSerial = true;
  const order = { directory: join(root, 'dump'), leaveRunning: true, timeoutMilliseconds: 60_000 };
  await assert.rejects(runtime.checkpointPod(UID, order), {
    code: 'CheckpointUnsupported',
    message: /at one instant, and the dump of right had not begun after ten seconds$/,
  });
  assert.equal(existsSync(join(root, 'dump')), false);
});

test('a dump behind which the container is not held does not count', async () => {
  kubelet.runsHook = false;
  await failsAndRunsOn('CheckpointUnsupported', /did not run Fermata's hook/);
});

test('a dump that is cut does not count', async () => {
  kubelet.cuts = true;
  await failsAndRunsOn('DumpFailed', /pages-1.img has 100 bytes/);
});

for (const [message, { status, want }] of Object.entries({
  'pod does not exist': { status: 404, want: 'PodNotRunning' },
  '404 page not found': { status: 404, want: 'CheckpointUnsupported' },
  'Forbidden (user=alice, verb=create, resource=nodes, subresource=checkpoint)': {
    status: 403,
    want: 'CheckpointUnsupported',
  },
  'rpc error: code = Unimplemented desc = unknown method CheckpointContainer': {
    status: 500,
    want: 'CheckpointUnsupported',
  },
  'rpc error: code = DeadlineExceeded desc = context deadline exceeded': { status: 500, want: 'DumpTimeout' },
})) {
  test(`the kubelet's ${status} "${message}" is a ${want}`, async () => {
    kubelet.refuses = { left: { status, message } };
    await failsAndRunsOn(want, /./);
  });
}

test('a pod of which a container has ended is not dumped: a kubelet would run that one again', async () => {
  pods = [pod('left', 'right')];
  rmSync(join(root, 'proc/101'), { recursive: true });
  await assert.rejects(runtime.checkpointPod(UID, order()), /container right of pod team\/thesis does not run/);
  assert.deepEqual(kubelet.asked, []);
});

test('archives that others made of pods with like names stay', async () => {
  const folder = join(root, 'var/lib/kubelet/checkpoints');
  mkdirSync(folder, { recursive: true });
  const foreign = 'checkpoint-thesis_team-left-2-2026-01-01T00:00:00Z.tar';
  writeFileSync(join(folder, foreign), '');
  kubelet.refuses = { left: { status: 500, message: 'no' } };
  await assert.rejects(runtime.checkpointPod(UID, order()));
  assert.deepEqual(kubeletFolder(), [foreign]);
});

test('after the death of who ordered it a whole dump that is held counts', async () => {
  await runtime.checkpointPod(UID, order());
  assert.equal(await newRuntime().recoverDump(UID, order()), 'dumped');
  assert.deepEqual(await states(), ['left frozen']);
});

test('after the death of who ordered it a dump without its record is undone, and the pod runs on', async () => {
  await runtime.checkpointPod(UID, order());
  rmSync(join(root, 'checkpoint/pod.dump'));
  assert.equal(await newRuntime().recoverDump(UID, order()), 'running');
  assert.deepEqual(await states(), ['left running']);
  assert.equal(existsSync(join(root, 'checkpoint')), false);
});

test('a dump behind which a process went on does not count after the death of who ordered it', async () => {
  await runtime.checkpointPod(UID, order());
  setState(100, 'S');
  assert.equal(await newRuntime().recoverDump(UID, order()), 'running');
  assert.equal(existsSync(join(root, 'checkpoint')), false);
});

test('a held pod whose dump is to be decided on goes on when it is refused, and stays held when nobody answers', async () => {
  await assert.rejects(
    runtime.checkpointPod(UID, { ...order(), decide: async () => false }),
    (error) => error instanceof FermataError && error.code === 'DumpRefused',
  );
  assert.deepEqual(await states(), ['left running']);
  await assert.rejects(
    runtime.checkpointPod(UID, { ...order(), decide: () => Promise.reject(new Error('no answer')) }),
    /no answer/,
  );
  assert.deepEqual(await states(), ['left frozen']);
  assert.equal(await newRuntime().recoverDump(UID, { ...order(), decide: async () => true }), 'dumped');
});

test('of a held pod that is gone the room is told', async () => {
  await runtime.checkpointPod(UID, order());
  const stop = new AbortController();
  const told: string[] = [];
  const listening = (async () => {
    for await (const uid of runtime.changes(stop.signal)) {
      told.push(uid);
      stop.abort();
    }
  })();
  rmSync(join(root, 'proc/100'), { recursive: true });
  await listening;
  assert.deepEqual(told, [UID]);
  assert.deepEqual(await runtime.list(), []);
});

test('a pod that a failed checkpoint left held goes on instead of being taken away', async () => {
  await runtime.checkpointPod(UID, order());
  await runtime.removePod(UID);
  assert.deepEqual(await states(), ['left running']);
  assert.deepEqual(readdirSync(join(root, 'run/fermata/holds')), []);
});

for (const [policy, why] of [
  ['Refuse', 'its policy is not to be checkpointed with such'],
  ['Close', 'a kubelet cannot close them when it restores'],
] as const) {
  test(`with a connection to the outside and the policy ${policy} nothing is asked of the kubelet`, async () => {
    const process = join(root, 'proc/100');
    const row = '0: 024DE70A:A000 034DE70A:01BB 01 0:0 00:0 0 0 0 77 1 0\n';
    for (const folder of ['fd', 'net']) mkdirSync(join(process, folder));
    symlinkSync('socket:[77]', join(process, 'fd/3'));
    writeFileSync(join(process, 'net/tcp'), `head\n${row}`);
    writeFileSync(join(process, 'comm'), 'client\n');
    const order = { directory: join(root, 'dump'), leaveRunning: false, timeoutMilliseconds: 1_000 };
    await assert.rejects(runtime.checkpointPod(UID, { ...order, outside: { policy, members: [] } }), {
      code: 'ConnectionsOutside',
      message: `pod team/thesis has connections to the outside, and ${why}: client (process 100) from 10.231.77.2:40960 to 10.231.77.3:443`,
    });
    assert.deepEqual(kubelet.asked, []);
    // A member of its group is no outside.
    await runtime.checkpointPod(UID, { ...order, outside: { policy, members: ['10.231.77.3'] } });
  });
}
