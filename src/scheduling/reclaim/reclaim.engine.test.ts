import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPPORTUNISTIC_ANNOTATION } from '../../model/index.ts';
import { checkpoint, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';

const MINUTE = 60_000;
const GIB = 2 ** 30;

const opportunistic = (name: string, wants: string): PodBuilder =>
  pod(name).annotations({ [OPPORTUNISTIC_ANNOTATION]: wants });

/** One node of 8 cpus; `web` holds 6 of them and was watched using 1. */
function watched(): Story {
  const web = pod('web').requests({ cpu: '6', memory: '4Gi' }).on('n1');
  const world = new Story().nodes(node('n1').allocatable({ cpu: '8', memory: '8Gi' })).pods(web);
  return uses(world, 1_000, 12);
}

function uses(world: Story, cpuMillicores: number, minutes = 1): Story {
  for (let minute = 0; minute < minutes; minute++) {
    world.after(MINUTE).tell({ type: 'UsageObserved', uid: 'uid-web', cpuMillicores, memoryBytes: GIB });
  }
  return world;
}

test('an opportunistic pod gets what others hold and do not use', () => {
  const world = watched().pods(opportunistic('batch', 'cpu=6'), opportunistic('more', 'cpu=2'));
  assert.deepEqual(world.brief(), [
    'Bind batch → n1',
    'Unschedulable more: 0/1 nodes are available: 1 Insufficient unused cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ]);
});

test('memory alone, measured without cpu, lends no cpu', () => {
  const web = pod('web').requests({ cpu: '6' }).on('n1');
  const world = new Story().nodes(node('n1').allocatable({ cpu: '8' })).pods(web);
  for (let minute = 0; minute < 12; minute++) {
    world.after(MINUTE).tell({ type: 'UsageObserved', uid: 'uid-web', memoryBytes: 1 });
  }
  assert.match(world.pods(opportunistic('batch', 'cpu=6')).brief().join(), /Insufficient unused cpu/);
});

test('when the others use it after all, it is ordered to go, once, and comes back when there is room again', () => {
  const batch = opportunistic('batch', 'cpu=6');
  const world = watched().pods(batch);
  assert.deepEqual(world.brief(), ['Bind batch → n1']);
  world.pods(batch.on('n1', 12 * MINUTE));
  assert.deepEqual(uses(world, 5_000).brief(), ['Reclaim Checkpoint batch on n1']);
  assert.deepEqual(world.after(30_000).brief(), []);
  const order = checkpoint(batch.build()).created(14 * MINUTE);
  world
    .checkpoints(order)
    .after(100)
    .checkpoints(order.ready(14 * MINUTE + 100))
    .gone(batch);
  assert.deepEqual(world.checkpoints(order.released()).brief(), []);
  const again = opportunistic('batch', 'cpu=6')
    .uid('again')
    .created(14 * MINUTE + 200)
    .restoreFrom('batch-1', 0);
  world.pods(again);
  assert.match(uses(world, 1_000).brief().join(), /Unschedulable batch: .*Insufficient unused cpu/);
  assert.deepEqual(uses(world, 1_000, 12).brief(), ['Bind batch → n1'], 'the peak has faded');
});

test('once its room is confirmed free, others may have it at once', () => {
  const batch = opportunistic('batch', 'cpu=6');
  const world = watched().pods(batch.on('n1', 12 * MINUTE));
  assert.deepEqual(uses(world, 5_000).brief(), ['Reclaim Checkpoint batch on n1']);
  world.pods(opportunistic('small', 'cpu=2'));
  assert.match(world.brief().join(), /Unschedulable small/);
  const order = checkpoint(batch.build()).created(13 * MINUTE);
  world
    .checkpoints(order)
    .checkpoints(order.ready(13 * MINUTE))
    .gone(batch)
    .checkpoints(order.released());
  assert.deepEqual(world.after(1_000).brief(), ['Bind small → n1']);
});

test('an order that is refused is given again later', () => {
  const batch = opportunistic('batch', 'cpu=6');
  const world = watched().pods(batch.on('n1', 12 * MINUTE));
  const [decision] = uses(world, 5_000).decide();
  assert.ok(decision?.type === 'Reclaim');
  assert.match(
    decision.explanation.summary,
    /^gives way on node n1: opportunistic pods have 6\.0 cpu .* leave 2\.3 cpu/,
  );
  world.tell({
    type: 'InterruptionFailed',
    preemptorUID: decision.orderedBy,
    victimUID: 'uid-batch',
    reason: 'refused',
  });
  assert.deepEqual(world.brief(), [], 'its dump failed just now');
  assert.deepEqual(uses(world, 5_000).brief(), ['Reclaim Checkpoint batch on n1']);
});

test('an ordinary pod is bound as if opportunistic ones were not there, and they go', () => {
  const batch = opportunistic('batch', 'cpu=6');
  const world = watched()
    .pods(batch.on('n1', 12 * MINUTE))
    .pods(pod('late').requests({ cpu: '2' }));
  assert.deepEqual(world.brief(), ['Bind late → n1', 'Reclaim Checkpoint batch on n1']);
});

test('the engine asks to be called when measurements have ceased', () => {
  const batch = opportunistic('batch', 'cpu=6');
  const world = watched().pods(batch.on('n1', 12 * MINUTE));
  assert.deepEqual(world.brief(), []);
  for (let guard = 0; guard < 30; guard++) {
    world.now = world.engine.nextWakeup() ?? assert.fail('it sleeps for ever');
    const said = world.brief();
    if (said.length > 0) {
      assert.deepEqual(said, ['Reclaim Checkpoint batch on n1']);
      return;
    }
  }
  assert.fail('nothing was reclaimed');
});
