import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import type { PodToRun } from '../runtime.ts';
import { SimulatedRuntime } from './simulated-runtime.ts';
import { INSTANT_TIMING } from './timing.ts';

const STEPS = 60;

/** A node whose process can be killed: what it had in memory is lost, its clock stops for it, its files stay. */
class KilledNode {
  clock = new VirtualClock();
  runtime: SimulatedRuntime;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.runtime = this.#begin();
  }

  #begin(): SimulatedRuntime {
    const options = { stateFile: join(this.#folder, 'node', 'pods.json'), writeOutputs: true, timing: INSTANT_TIMING };
    return new SimulatedRuntime({ clock: this.clock }, options);
  }

  kill(deadMilliseconds: number): void {
    this.clock = new VirtualClock(this.clock.now() + deadMilliseconds);
    this.runtime = this.#begin();
  }

  pod(uid: string): PodToRun {
    const metadata = { name: 'p', namespace: 'n', uid, resourceVersion: '1', creationTimestamp: '' };
    const containers = [{ name: 'main', image: 'i', volumeMounts: [{ name: 'work', mountPath: '/work' }] }];
    return {
      pod: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } },
      volumes: { work: join(this.#folder, 'work') },
      environment: {
        main: { FERMATA_STEPS: String(STEPS), FERMATA_STEP_MILLISECONDS: '10', FERMATA_OUTPUT: '/work/steps.txt' },
      },
    };
  }

  async written(): Promise<number[]> {
    const text = await readFile(join(this.#folder, 'work', 'steps.txt'), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.slice('step '.length)));
  }
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-simulated-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const ALL = Array.from({ length: STEPS }, (_, index) => index + 1);

test('killed and started again at any moment, it has every step in the file once', () =>
  withFolder(async (folder) => {
    const node = new KilledNode(folder);
    await node.runtime.createPod(node.pod('u1'));
    await node.runtime.startContainer('u1', 'main');
    for (const [ran, dead] of [
      [5, 0],
      [33, 100],
      [49, 7],
      [50, 20],
      [51, 1],
    ] as const) {
      await node.clock.advance(ran);
      node.kill(dead);
      assert.equal((await node.runtime.list())[0]?.containers[0]?.state, 'running');
    }
    await node.clock.advance(10_000);
    assert.equal((await node.runtime.list())[0]?.containers[0]?.exitCode, 0);
    assert.deepEqual(await node.written(), ALL);
    await node.runtime.stop();
    assert.equal(node.clock.pending, 0);
  }));

test('killed between dump and restore, it has every step in the file once', () =>
  withFolder(async (folder) => {
    const node = new KilledNode(folder);
    const directory = join(folder, 'dump');
    await node.runtime.createPod(node.pod('u1'));
    await node.runtime.startContainer('u1', 'main');
    await node.clock.advance(123);
    await node.runtime.checkpointPod('u1', { directory, leaveRunning: false, timeoutMilliseconds: 1_000 });
    node.kill(1_000);
    assert.equal((await node.runtime.list())[0]?.containers[0]?.state, 'frozen');
    await node.runtime.removePod('u1', 1);
    node.kill(1_000);
    await node.runtime.restorePod(node.pod('u2'), directory);
    await node.clock.advance(77);
    node.kill(50);
    await node.clock.advance(10_000);
    assert.deepEqual(await node.written(), ALL);
    await node.runtime.stop();
  }));

test('a container that starts anew after a kill writes its steps anew', () =>
  withFolder(async (folder) => {
    const node = new KilledNode(folder);
    await node.runtime.createPod(node.pod('u1'));
    await node.runtime.startContainer('u1', 'main');
    await node.clock.advance(10_000);
    node.kill(1);
    await node.runtime.startContainer('u1', 'main');
    await node.clock.advance(35);
    node.kill(1);
    await node.clock.advance(10_000);
    assert.deepEqual(await node.written(), [...ALL, ...ALL]);
    await node.runtime.stop();
  }));

test('a state file that is none is refused by name', () =>
  withFolder(async (folder) => {
    const stateFile = join(folder, 'pods.json');
    await writeFile(stateFile, '{"half');
    assert.throws(() => new SimulatedRuntime({ clock: new VirtualClock() }, { stateFile }), {
      code: 'SimulatedStateUnreadable',
      message: /pods\.json/,
    });
  }));
