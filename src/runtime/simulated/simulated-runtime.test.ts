import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryFiles, verifyDump } from '../../checkpoint/index.ts';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import type { CheckpointOptions, PodToRun } from '../runtime.ts';
import type { DumpFault, RestoreFault, SimulatedFaults } from './faults.ts';
import { SimulatedMachine } from './machine.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';

const STEPS = 100;
const OUTPUT = '/host/work/steps';
const ORDER: CheckpointOptions = { directory: '/dump', leaveRunning: false, timeoutMilliseconds: 60_000 };

function pod(uid: string): PodToRun {
  const metadata = { name: 'p', namespace: 'n', uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return {
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [{ name: 'main', image: 'i', volumeMounts: [{ name: 'work', mountPath: '/work' }] }] },
    },
    volumes: { work: '/host/work' },
    environment: {
      main: { FERMATA_STEPS: String(STEPS), FERMATA_STEP_MILLISECONDS: '100', FERMATA_OUTPUT: '/work/steps' },
    },
  };
}

/** One node whose runtime can die and come back, as a process does. */
class Node {
  readonly clock = new VirtualClock();
  readonly files = new MemoryFiles();
  readonly machine = new SimulatedMachine();
  readonly faults: SimulatedFaults = {};
  runtime = this.begin();

  begin(): SimulatedRuntime {
    const { clock, files, machine, faults } = this;
    return new SimulatedRuntime({ clock, files, machine, faults });
  }

  async crash(): Promise<void> {
    await this.runtime.stop();
    this.runtime = this.begin();
  }

  async during<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = Promise.allSettled([work]).then(() => {
      done = true;
    });
    await this.clock.advanceUntil(() => done);
    await settled;
    return work;
  }

  async run(uid: string): Promise<void> {
    await this.during(this.runtime.createPod(pod(uid)));
    await this.during(this.runtime.startContainer(uid, 'main'));
  }

  async state(uid: string): Promise<string | undefined> {
    return (await this.runtime.list()).find((one) => one.uid === uid)?.containers[0]?.state;
  }

  summary() {
    return this.machine.outputs.summary(OUTPUT, this.clock.now());
  }

  /** Nothing may be left to happen once the runtime is stopped. */
  async end(): Promise<void> {
    await this.runtime.stop();
    assert.equal(this.clock.pending, 0);
  }
}

const WHOLE = { steps: STEPS, highest: STEPS, missing: 0, doubled: 0 };

test('killed at any moment of a dump, it says truly what became of it, and nothing is lost or doubled', async () => {
  const outcomes = new Set<string>();
  for (const leaveRunning of [false, true]) {
    for (let after = 0; after <= 320; after += 8) {
      const node = new Node();
      await node.run('u1');
      await node.clock.advance(1_234);
      const dumping = Promise.allSettled([node.runtime.checkpointPod('u1', { ...ORDER, leaveRunning })]);
      await node.clock.advance(after);
      await node.crash();
      await dumping;
      await node.clock.advance(after % 3 === 0 ? 5_000 : 1);
      const outcome = await node.during(node.runtime.recoverDump('u1', { ...ORDER, leaveRunning }));
      outcomes.add(`${leaveRunning ? 'copy' : 'stop'}: ${outcome}`);
      if (outcome === 'dumped') {
        await verifyDump('/dump', ['main'], { files: node.files });
        assert.equal(await node.state('u1'), 'frozen');
        await node.during(node.runtime.removePod('u1', 1));
        await node.during(node.runtime.restorePod(pod('u2'), '/dump'));
      } else {
        assert.equal(outcome, 'running');
        assert.equal(await node.state('u1'), 'running');
        assert.deepEqual(node.files.directories(), []);
      }
      await node.clock.advance(60_000);
      assert.deepEqual(node.summary(), WHOLE);
      await node.end();
    }
  }
  assert.deepEqual([...outcomes].sort(), ['copy: running', 'stop: dumped']);
});

test('killed at any moment of a restore, a second try brings the pod back once', async () => {
  for (let after = 0; after <= 360; after += 9) {
    const node = new Node();
    await node.run('u1');
    await node.clock.advance(1_234);
    await node.during(node.runtime.checkpointPod('u1', ORDER));
    await node.during(node.runtime.removePod('u1', 1));
    const restoring = Promise.allSettled([node.runtime.restorePod(pod('u2'), '/dump')]);
    await node.clock.advance(after);
    await node.crash();
    await restoring;
    await node.during(node.runtime.restorePod(pod('u2'), '/dump'));
    await node.clock.advance(60_000);
    assert.deepEqual(node.summary(), WHOLE);
    assert.equal(await node.state('u2'), 'exited');
    await node.end();
  }
});

test('pods run on and end while nobody looks', async () => {
  const node = new Node();
  await node.run('u1');
  await node.clock.advance(1_000);
  await node.runtime.stop();
  await node.clock.advance(3_000);
  node.runtime = node.begin();
  assert.equal(node.runtime.progressOf('u1', 'main'), 40);
  await node.runtime.stop();
  await node.clock.advance(60_000);
  node.runtime = node.begin();
  assert.equal(await node.state('u1'), 'exited');
  assert.deepEqual(node.summary(), WHOLE);
  await node.end();
});

test('a stopped runtime refuses everything, and cuts off what waits without undoing it', async () => {
  const node = new Node();
  await node.run('u1');
  const first = node.runtime;
  const dumping = assert.rejects(first.checkpointPod('u1', ORDER), { code: 'RuntimeStopped' });
  await node.clock.advance(10);
  await node.crash();
  await dumping;
  await assert.rejects(first.list(), { code: 'RuntimeStopped' });
  assert.deepEqual(node.files.directories(), ['/dump']);
  await node.end();
});

test('after a power failure processes are gone, and checkpoints are not', async () => {
  const node = new Node();
  await node.run('u1');
  await node.clock.advance(1_000);
  await node.during(node.runtime.checkpointPod('u1', { ...ORDER, leaveRunning: true }));
  node.machine.powerFail(node.clock.now());
  assert.equal(await node.state('u1'), 'exited');
  await node.during(node.runtime.removePod('u1', 1));
  await node.during(node.runtime.restorePod(pod('u2'), '/dump'));
  await node.clock.advance(60_000);
  assert.equal(node.summary().missing, 0);
  await node.end();
});

interface DumpCase {
  fault: DumpFault;
  /** Code of the error; undefined: success is reported. */
  code?: string;
  state: string;
  /** Whether the images pass as a dump; absent: there are none. */
  whole?: boolean;
}

const dumpFaults: Record<string, DumpCase> = {
  'a dump that fails leaves the pod running': {
    fault: { kind: 'fail', reason: 'Unsupported file type' },
    code: 'DumpFailed',
    state: 'running',
  },
  'a dump that kills is seen to have killed': {
    fault: { kind: 'kill', reason: 'criu crashed' },
    code: 'DumpFailed',
    state: 'exited',
  },
  'a dump that hangs is ended by its timeout': { fault: { kind: 'hang' }, code: 'DumpTimeout', state: 'running' },
  'a slow dump succeeds': { fault: { kind: 'slow', milliseconds: 9_000 }, state: 'frozen', whole: true },
  'a dump that was cut in half is reported as done, and its images show it': {
    fault: { kind: 'half-written' },
    state: 'frozen',
    whole: false,
  },
  'a dump without an image is reported as done': { fault: { kind: 'no-image' }, state: 'frozen' },
  'a dump that did not stop the pod is reported as done': { fault: { kind: 'run-on' }, state: 'running', whole: true },
};

for (const [sentence, { fault, code, state, whole }] of Object.entries(dumpFaults)) {
  test(sentence, async () => {
    const node = new Node();
    node.faults.onDump = () => fault;
    await node.run('u1');
    await node.clock.advance(1_000);
    const dumping = node.during(node.runtime.checkpointPod('u1', ORDER));
    if (code === undefined) await dumping;
    else await assert.rejects(dumping, { code });
    assert.equal(await node.state('u1'), state);
    const directory = await node.files.list('/dump');
    if (whole === undefined) assert.equal(directory, undefined);
    else {
      const verified = verifyDump('/dump', ['main'], { files: node.files });
      if (whole) await verified;
      else await assert.rejects(verified, { code: 'CheckpointIncomplete' });
    }
    await node.end();
  });
}

const restoreFaults: Record<string, { fault: RestoreFault; says: RegExp }> = {
  'a restore that fails says why': { fault: { kind: 'fail', reason: 'pid 1 is taken' }, says: /pid 1 is taken/ },
  'a restore that hangs ends when it is aborted': { fault: { kind: 'hang' }, says: /given up/ },
};

for (const [sentence, { fault, says }] of Object.entries(restoreFaults)) {
  test(`${sentence}, and leaves nothing of the pod`, async () => {
    const node = new Node();
    await node.run('u1');
    await node.during(node.runtime.checkpointPod('u1', ORDER));
    await node.during(node.runtime.removePod('u1', 1));
    node.faults.onRestore = () => fault;
    const controller = new AbortController();
    const restoring = node.runtime.restorePod(pod('u2'), '/dump', { signal: controller.signal });
    const refused = assert.rejects(restoring, says);
    await node.clock.advance(5_000);
    controller.abort(new Error('given up'));
    await node.during(refused);
    assert.deepEqual(await node.runtime.list(), []);
    delete node.faults.onRestore;
    await node.during(node.runtime.restorePod(pod('u2'), '/dump'));
    assert.equal(await node.state('u2'), 'running');
    await node.end();
  });
}

test('a process may die soon after its restore', async () => {
  const node = new Node();
  await node.run('u1');
  await node.during(node.runtime.checkpointPod('u1', ORDER));
  await node.during(node.runtime.removePod('u1', 1));
  node.faults.onRestore = () => ({ kind: 'die', milliseconds: 250 });
  await node.during(node.runtime.restorePod(pod('u2'), '/dump'));
  await node.clock.advance(249);
  assert.equal(await node.state('u2'), 'running');
  await node.clock.advance(1);
  assert.equal((await node.runtime.list())[0]?.containers[0]?.exitCode, 139);
  await node.end();
});

test('a pod removed in the middle of its dump is gone, and so is the dump', async () => {
  const node = new Node();
  await node.run('u1');
  const dumping = assert.rejects(node.runtime.checkpointPod('u1', ORDER), { code: 'DumpFailed' });
  await node.clock.advance(10);
  await node.during(node.runtime.removePod('u1', 1));
  await node.during(dumping);
  assert.deepEqual(await node.runtime.list(), []);
  assert.deepEqual(node.files.directories(), []);
  await node.end();
});

test('the same seed makes the same history, another seed another one', async () => {
  const history = async (seed: number): Promise<string> => {
    const clock = new VirtualClock();
    const files = new MemoryFiles();
    const runtime = new SimulatedRuntime({ clock, files, random: seededRandom(seed) });
    const seen: string[] = [];
    const controller = new AbortController();
    const listening = (async () => {
      for await (const uid of runtime.changes(controller.signal)) seen.push(`${clock.now()} ${uid}`);
    })();
    const work = (async () => {
      for (const uid of ['a', 'b', 'c']) {
        await runtime.createPod(pod(uid));
        await runtime.startContainer(uid, 'main');
      }
      await Promise.all(
        ['a', 'b', 'c'].map((uid) =>
          runtime.checkpointPod(uid, { ...ORDER, directory: `/${uid}`, leaveRunning: true }),
        ),
      );
    })();
    await clock.advance(60_000);
    await work;
    controller.abort();
    await listening;
    await runtime.stop();
    return seen.join('\n');
  };
  assert.equal(await history(7), await history(7));
  assert.notEqual(await history(7), await history(8));
});
