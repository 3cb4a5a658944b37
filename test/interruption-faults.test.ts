import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, open, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { locateToolchain } from '../src/cli/index.ts';
import { INTERRUPTION_POLICIES, NODES, type Pod, PRIORITY_CLASSES } from '../src/model/index.ts';
import { exists, FaultStage, isReady, NAMESPACE, restoredOf, type Scene } from './fault-stage.ts';
import { kubectlBinaries } from './kubectl-binaries.ts';
import { missingParts } from './podman-ground.ts';
import { OWN_COMMAND } from './sandbox-harness.ts';

interface Fault {
  /** How many nodes of its own it plays on. Default 1. */
  nodes?: number;
  /** Plays in the sandbox that has one node and a CRIU that comes and goes. */
  alone?: boolean;
  /** Needs a real kubectl. */
  kubectl?: boolean;
  act: (scene: Scene) => Promise<void>;
}

const run = promisify(execFile);
const kubectl = (await kubectlBinaries()).find((binary) => 'path' in binary);
const missing = await missingParts();
let criuDirectory = '';

const writing64MiB = (path: string): string =>
  `open(my $file, '>', '${path}') or die; for my $piece (1 .. 64) { print $file 'x' x (1 << 20) } close $file;`;

const FAULTS: Record<string, Fault> = {
  'a pod larger than every node waits, says so as kube-scheduler does, and nobody is interrupted in vain': {
    alone: true,
    act: async (scene) => {
      const victim = await scene.counting('small');
      await scene.urgent('giant', { cpu: '8' });
      const sentence =
        /^0\/1 nodes are available: 1 Insufficient cpu\..*preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\./;
      const giant = await scene.waiting('giant', sentence);
      assert.equal(giant.status?.phase, 'Pending');
      assert.equal(giant.status?.nominatedNodeName, undefined);
      await scene.event(scene.full('giant'), 'FailedScheduling', sentence);
      const ended = await scene.finish('small');
      assert.equal(ended.metadata.uid, victim.metadata.uid);
      assert.deepEqual(scene.checkpoints('small'), []);
    },
  },
  'without CRIU, or with one that fails, the victim runs on; the preemptor is told why, and gets its room when CRIU is back':
    {
      alone: true,
      act: async (scene) => {
        const victim = await scene.counting('victim', { cpu: '800m' });
        await scene.counting('equal', { cpu: '100m', priorityClassName: 'urgent' });
        await unlink(join(criuDirectory, 'criu'));
        await scene.urgent('urgent', { cpu: '900m' });
        await scene.failedDump('victim', /CRIU is missing: .*\/criu cannot be run/);
        const why = /could not be checkpointed: .*CRIU is missing.*; next: other victims, or again in \d+s/s;
        await scene.waiting('urgent', why);
        await scene.event(scene.full('urgent'), 'FailedScheduling', why);
        await scene.event(scene.full('victim'), 'CheckpointFailed', /CRIU is missing/);
        assert.equal((await scene.running('victim')).metadata.uid, victim.metadata.uid);
        await scene.countsOn('victim');
        assert.deepEqual(await scene.dataOn(), []);

        await writeFile(join(criuDirectory, 'criu'), '#!/bin/sh\necho "no such luck" >&2\nexit 3\n', { mode: 0o755 });
        const failed = await fermata(scene, 'checkpoint', `pod/${scene.full('equal')}`);
        assert.equal(failed.status, 1);
        assert.match(failed.err, /was not checkpointed: .*\n.*fermata explain pod\//s);
        await scene.countsOn('equal');
        assert.deepEqual(await scene.dataOn(), []);

        await unlink(join(criuDirectory, 'criu'));
        await putCriu();
        await scene.running('urgent');
        await scene.suspended('victim');
        await scene.finish('urgent');
        await scene.running('victim', 2);
        assert.equal((await scene.finish('victim')).status?.phase, 'Succeeded');
      },
    },
  'an image that does not exist is reported readably and backed off from, and the node goes on': {
    act: async (scene) => {
      const draft = scene.countingPod('lost', { cpu: '500m' });
      const [container] = draft.spec.containers;
      assert.ok(container);
      const image = '127.0.0.1:9/nothing/here:1';
      const spec = { ...draft.spec, containers: [{ ...container, image, imagePullPolicy: 'IfNotPresent' as const }] };
      await scene.create('lost', { ...draft, spec });
      const waits = (reason: string) => (pod: Pod) => {
        const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
        return waiting?.reason === reason && waiting.message?.includes(image) === true;
      };
      await scene.podThat('to say ErrImagePull', 'lost', waits('ErrImagePull'));
      await scene.counting('other', { cpu: '500m' });
      await scene.podThat('to say ImagePullBackOff', 'lost', waits('ImagePullBackOff'));
      await scene.event(scene.full('lost'), 'Failed', /Failed to pull image.*127\.0\.0\.1:9/);
      await scene.finish('other');
    },
  },
  'a process that cannot be dumped runs on, and everybody is told why': {
    act: async (scene) => {
      const victim = await scene.counting('victim', { undumpable: true });
      await scene.urgent();
      await scene.failedDump('victim', /io_uring|anon_inode|send_fds/i);
      const why = /could not be checkpointed: .*; next: other victims, or again in \d+s\./s;
      await scene.waiting('urgent', why);
      await scene.event(scene.full('urgent'), 'FailedScheduling', why);
      await scene.event(scene.full('victim'), 'CheckpointFailed', /io_uring|anon_inode|send_fds/i);
      assert.equal((await scene.running('victim')).metadata.uid, victim.metadata.uid);
      assert.deepEqual(await scene.dataOn(), []);
      await scene.delete('urgent');
      assert.equal((await scene.finish('victim')).metadata.uid, victim.metadata.uid);
    },
  },
  'a process that cannot be dumped is terminated where its policy says so': {
    act: async (scene) => {
      const labels = { policy: scene.full('terminate') };
      const policy = { namespace: NAMESPACE, name: scene.full('terminate') };
      await scene.store.create(INTERRUPTION_POLICIES, {
        metadata: policy,
        spec: { selector: { matchLabels: labels }, onPreemption: 'CheckpointElseTerminate' },
      });
      try {
        await scene.counting('victim', { undumpable: true, labels });
        await scene.urgent();
        await scene.failedDump('victim', /io_uring|anon_inode|send_fds/i);
        await scene.event(
          scene.full('urgent'),
          'FailedScheduling',
          /could not be checkpointed: .*it may be terminated/s,
        );
        await scene.gone('victim');
        await scene.running('urgent');
        await scene.finish('urgent');
        assert.equal(scene.pod('victim'), undefined);
      } finally {
        await scene.store.delete(INTERRUPTION_POLICIES, policy);
      }
    },
  },
  'when the first victim cannot be dumped, another one is taken': {
    nodes: 2,
    act: async (scene) => {
      const [first = '', second = ''] = scene.nodes;
      const modest = { name: scene.full('modest') };
      await scene.store.create(PRIORITY_CLASSES, { metadata: modest, value: 10, preemptionPolicy: 'Never' });
      const stubborn = await scene.counting('stubborn', { undumpable: true, nodes: [first] });
      await scene.counting('other', { nodes: [second], priorityClassName: modest.name });
      await scene.urgent();
      await scene.failedDump('stubborn', /io_uring/);
      await scene.event(
        scene.full('urgent'),
        'FailedScheduling',
        /could not be checkpointed: .*; next: other victims\./,
      );
      const urgent = await scene.running('urgent');
      assert.equal(urgent.spec.nodeName, second);
      await scene.suspended('other');
      await scene.finish('urgent');
      await scene.running('other', 2);
      await scene.finish('other');
      assert.equal((await scene.finish('stubborn')).metadata.uid, stubborn.metadata.uid);
      await scene.store.delete(PRIORITY_CLASSES, modest);
    },
  },
  'too little disk for a dump is seen before it begins': {
    act: (scene) => fullDisk(scene, 'size=24m', {}, /not enough disk: the dump needs about \d+ bytes/),
  },
  'too little disk for an emptyDir is seen before the dump begins': {
    act: (scene) =>
      fullDisk(
        scene,
        'size=56m',
        { scratch: true, prologue: writing64MiB('/scratch/big') },
        /not enough disk: the dump needs about 1\d{8} bytes/,
      ),
  },
  'a disk that is full in the middle of a dump leaves the victim running and nothing behind': {
    act: (scene) => fullDisk(scene, 'nr_inodes=14', {}, /No space left on device/),
  },
  'a disk that is full after the processes were dumped leaves the victim running and nothing behind': {
    act: (scene) =>
      fullDisk(
        scene,
        'size=56m',
        {
          prologue: writing64MiB('/big'),
        },
        /root file system could not be saved: .*No space left on device/,
      ),
  },
  'a truncated checkpoint is refused by name, the workload stays suspended, and goes on once the file is whole': {
    act: (scene) => damaged(scene, (file) => truncate(file, 1000), /pages-1\.img was cut/),
  },
  'an altered checkpoint is refused by name, the workload stays suspended, and goes on once the file is as it was': {
    act: (scene) => damaged(scene, flipOneBit, /pages-1\.img: it was altered/),
  },
  'a victim goes on at another node at once when that one has room': {
    nodes: 2,
    act: async (scene) => {
      await scene.counting('victim');
      const from = scene.pod('victim')?.spec.nodeName ?? '';
      await scene.urgent('urgent', { nodes: [from] });
      const { spec } = await scene.running('victim', 2);
      assert.notEqual(spec.nodeName, from);
      await scene.running('urgent');
      await scene.finish('victim');
      await scene.finish('urgent');
    },
  },
  'a victim whose node was cordoned goes on at another one, when that has room': {
    nodes: 2,
    act: async (scene) => {
      const [from = '', to = ''] = scene.nodes;
      await scene.counting('blocker', { nodes: [to], priorityClassName: 'urgent' });
      await scene.counting('victim');
      await scene.urgent('urgent', { nodes: [from] });
      await scene.suspended('victim');
      await scene.running('urgent');
      const cordon = (unschedulable: boolean) => scene.store.patch(NODES, { name: from }, { spec: { unschedulable } });
      await cordon(true);
      try {
        await scene.finish('urgent');
        await scene.suspended('victim');
        await scene.finish('blocker');
        const { spec } = await scene.running('victim', 2);
        assert.equal(spec.nodeName, to);
        assert.deepEqual(await scene.dataOn(to), await scene.dataOn(from));
        await scene.finish('victim');
      } finally {
        await cordon(false);
      }
    },
  },
  'kubectl delete podcheckpoint waits as long as a workload is suspended by it, or may fall back to it': {
    kubectl: true,
    act: async (scene) => {
      await scene.counting('victim');
      await scene.urgent();
      await scene.suspended('victim');
      const checkpoint = await scene.checkpointThat('to be ready', 'victim', isReady);
      const { name } = checkpoint.metadata;
      const data = scene.dataOf(checkpoint);
      await kube(scene, 'delete', 'podcheckpoint', name, '--wait=false');
      await scene.event(name, 'DeletionHeld', /data is kept: .*pod .* is to be restored from it/);
      assert.match(await kube(scene, 'get', 'pods'), new RegExp(`^${scene.full('victim')} .*Suspended`, 'm'));
      assert.match(await kube(scene, 'get', 'podcheckpoint', name), /^\S+-victim-/m);
      assert.ok(await exists(data));
      await scene.finish('urgent');
      await scene.running('victim', 2);
      await scene.event(name, 'DeletionHeld', /data is kept: .*was restored from it, and goes back to it/);
      assert.ok(await exists(data));
      await scene.finish('victim');
      await scene.until('the checkpoint to be gone', () =>
        scene.checkpoints('victim').length === 0 ? true : undefined,
      );
      assert.ok(!(await exists(data)));
    },
  },
  'kubectl delete pod of a suspended workload gives it up, and only then may its checkpoint go': {
    kubectl: true,
    act: async (scene) => {
      await scene.counting('victim');
      await scene.urgent();
      await scene.suspended('victim');
      const checkpoint = await scene.checkpointThat('to be ready', 'victim', isReady);
      const data = scene.dataOf(checkpoint);
      assert.match(await kube(scene, 'delete', 'pod', scene.full('victim')), /deleted/);
      const abandoned = await scene.checkpointThat(
        'to be abandoned',
        'victim',
        (one) => restoredOf(one)?.reason === 'Abandoned',
      );
      assert.match(restoredOf(abandoned)?.message ?? '', /was deleted while it was suspended/);
      assert.ok(await exists(data));
      await kube(scene, 'delete', 'podcheckpoint', checkpoint.metadata.name, '--timeout=60s');
      assert.ok(!(await exists(data)));
      await scene.finish('urgent');
      assert.equal(scene.pod('victim'), undefined);
    },
  },
  'by command: a checkpoint without stop, then suspend, and resume when asked': {
    act: async (scene) => {
      const pod = await scene.counting('work');
      const name = `pod/${scene.full('work')}`;
      const copied = await fermata(scene, 'checkpoint', name, '--output', 'json');
      assert.equal(copied.status, 0, copied.err);
      const copy = JSON.parse(copied.out) as { spec: { postCheckpointState: string } };
      assert.equal(copy.spec.postCheckpointState, 'Running');
      await scene.countsOn('work');
      assert.equal(scene.pod('work')?.metadata.uid, pod.metadata.uid);

      const suspended = await fermata(scene, 'suspend', name);
      assert.equal(suspended.status, 0, suspended.err);
      assert.match(suspended.out, /is suspended; go on with: fermata resume pod\//);
      await scene.suspended('work');
      const steps = await scene.steps('work');
      const explained = await fermata(scene, 'explain', name);
      assert.match(explained.out, /suspended by request/);
      // There is room on its node, and still it does not come back by itself.
      await scene.counting('visitor');
      await scene.finish('visitor');
      assert.equal(await scene.steps('work'), steps);
      assert.equal(scene.pod('work')?.spec.nodeName, undefined);

      const resumed = await fermata(scene, 'resume', name, '--wait', '--output', 'json');
      assert.equal(resumed.status, 0, resumed.err);
      assert.equal((JSON.parse(resumed.out) as { state: string }).state, 'running');
      await scene.running('work', 2);
      await scene.finish('work');
    },
  },
  'a pod of two containers keeps its memory, its emptyDir and its exit codes': {
    act: async (scene) => {
      await scene.counting('victim', {
        cpu: '500m',
        exitCode: 3,
        containers: [DIARIST],
        scratch: true,
      });
      await scene.urgent();
      await scene.suspended('victim');
      await scene.finish('urgent');
      await scene.running('victim', 2);
      const ended = await scene.finish('victim');
      assert.equal(ended.status?.phase, 'Failed');
      const codes = ended.status?.containerStatuses?.map(({ name, state }) => [name, state?.terminated?.exitCode]);
      assert.deepEqual(Object.fromEntries(codes ?? []), { count: 3, diarist: 0 });
    },
  },
  'a restored pod is interrupted a second time, after its protection, and goes on as incarnation 3': {
    act: async (scene) => {
      await scene.counting('victim');
      await scene.urgent('first');
      await scene.suspended('victim');
      await scene.finish('first');
      await scene.running('victim', 2);
      await scene.urgent('second');
      await scene.waiting('second', /interrupted 1 time\(s\) in 24 h, protected for \d+s more/);
      await scene.suspended('victim', 3);
      await scene.finish('second');
      await scene.running('victim', 3);
      await scene.finish('victim');
    },
  },
};

/** Keeps its count only in a file of an `emptyDir`; exits 9 when that does not hold what it wrote last. */
const DIARIST = {
  name: 'diarist',
  image: 'localhost/fermata-demo:latest',
  imagePullPolicy: 'Never' as const,
  command: [
    'perl',
    '-e',
    `my $known = 0;
until (-e '/output/finish') {
  if ($known > 0) {
    open(my $in, '<', '/scratch/diary') or exit 9;
    exit 9 if <$in> != $known;
  }
  open(my $out, '>', '/scratch/diary') or exit 9;
  print $out ++$known;
  close $out;
  select(undef, undef, undef, 0.02);
}`,
  ],
  volumeMounts: [
    { name: 'scratch', mountPath: '/scratch' },
    { name: 'output', mountPath: '/output' },
  ],
};

describe('faults of an interruption', { concurrency: 4, skip: missing ?? false }, () => {
  let wide: FaultStage;
  let single: FaultStage;
  before(async () => {
    criuDirectory = await mkdtemp(join(tmpdir(), 'fermata-criu-'));
    await putCriu();
    [wide, single] = await Promise.all([FaultStage.open({ nodes: 6 }), FaultStage.open({ nodes: 1, criuDirectory })]);
  });
  after(async () => {
    await Promise.all([wide.close(), single.close()]);
    await rm(criuDirectory, { recursive: true, force: true });
  });

  for (const [number, [sentence, fault]] of Object.entries(FAULTS).entries()) {
    const skip = fault.kubectl === true && kubectl === undefined ? 'no kubectl here' : false;
    test(sentence, { timeout: 240_000, skip }, async () => {
      const stage = fault.alone === true ? single : wide;
      await stage.play(`s${number}`, fault.nodes ?? 1, fault.act);
    });
  }
});

async function putCriu(): Promise<void> {
  const { criu } = await locateToolchain();
  assert.ok(criu);
  await symlink(join(criu.binDirectory, 'criu'), join(criuDirectory, 'criu'));
}

/** The node's checkpoints lie on a file system of their own that is too small: the dump fails, the victim runs on. */
async function fullDisk(
  scene: Scene,
  option: string,
  victimIs: Parameters<Scene['counting']>[1],
  reason: RegExp,
): Promise<void> {
  const folder = scene.checkpointsFolder();
  const victim = await scene.counting('victim', victimIs);
  await run('mount', ['-t', 'tmpfs', '-o', `${option},mode=0700`, 'fermata-test', folder]);
  try {
    await scene.urgent();
    await scene.failedDump('victim', reason);
    await scene.waiting('urgent', new RegExp(`could not be checkpointed: .*(${reason.source}).*; next: `, 's'));
    await scene.countsOn('victim');
    assert.deepEqual(await scene.dataOn(), []);
    await scene.delete('urgent');
    const ended = await scene.finish('victim');
    assert.deepEqual([ended.metadata.uid, ended.status?.phase], [victim.metadata.uid, 'Succeeded']);
  } finally {
    await run('umount', [folder]);
  }
}

/** Damages the memory image of a suspended workload; it must be refused, kept, and used once it is whole again. */
async function damaged(scene: Scene, damage: (file: string) => Promise<void>, reason: RegExp): Promise<void> {
  await scene.counting('victim');
  await scene.urgent();
  await scene.suspended('victim');
  const checkpoint = await scene.checkpointThat('to be ready', 'victim', isReady);
  const file = join(scene.dataOf(checkpoint), 'count', 'checkpoint', 'pages-1.img');
  const whole = join(scene.folder('victim'), 'pages-1.img');
  await copyFile(file, whole);
  await damage(file);
  const steps = await scene.steps('victim');

  await scene.finish('urgent');
  await scene.event(checkpoint.metadata.name, 'CheckpointCorrupt', reason);
  const refused = await scene.checkpointThat(
    'to be suspended again',
    'victim',
    (one) => one.status?.restoration?.failures === 1 && restoredOf(one)?.reason === 'Suspended',
  );
  assert.match(refused.status?.restoration?.lastFailure ?? '', reason);
  await scene.podThat('to be shown as suspended', 'victim', ({ metadata, status }) => {
    const isNext = metadata.uid === refused.status?.restoration?.podUID;
    return isNext && status?.phase === 'Pending' && status.reason === 'Suspended';
  });
  assert.ok(await exists(file));
  assert.equal(await scene.steps('victim'), steps);

  await copyFile(whole, file);
  await scene.running('victim', 2);
  assert.equal((await scene.finish('victim')).status?.phase, 'Succeeded');
}

async function flipOneBit(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, size >> 1);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, size >> 1);
  } finally {
    await handle.close();
  }
}

/** One command, as a user types it. */
async function fermata(scene: Scene, ...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const directory = scene.world.sandbox.directory.root;
  const all = [...OWN_COMMAND.arguments, ...args, '--dir', directory];
  try {
    const { stdout, stderr } = await run(OWN_COMMAND.command, all, { signal: scene.signal });
    return { status: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    return { status: Number(error.code), out: String(error.stdout), err: String(error.stderr) };
  }
}

async function kube(scene: Scene, ...args: string[]): Promise<string> {
  assert.ok(kubectl !== undefined && 'path' in kubectl);
  const { kubeconfig } = scene.world.sandbox.directory;
  const { stdout } = await run(kubectl.path, ['--kubeconfig', kubeconfig, ...args], {
    env: { HOME: scene.world.folder, PATH: '/usr/bin:/bin' },
    signal: scene.signal,
  });
  return stdout;
}
