import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { type CheckpointBuilder, checkpoint, node, type PodBuilder, pod } from '../testing.ts';
import { Story } from '../testing-story.ts';
import { groupIs } from './testing-group.ts';

const stopped = (name: string, group?: string): CheckpointBuilder => {
  const source = pod(name).on('n1');
  if (group !== undefined) source.labels({ [POD_GROUP_LABEL]: group });
  return checkpoint(source.build()).inGroup('all').ready(1_000).released();
};

const incarnation = (name: string, cpu: number): PodBuilder =>
  pod(name)
    .uid(`uid-${name}-2`)
    .requests({ cpu: String(cpu) })
    .restoreFrom(`${name}-1`, 0);

const story = (...cpus: number[]): Story =>
  new Story().nodes(...cpus.map((cpu, index) => node(`n${index + 1}`).allocatable({ cpu: String(cpu) }))).after(60_000);

test('pods that were stopped as a group come back together', () => {
  const bound = story(2, 2)
    .checkpoints(stopped('a'), stopped('b'))
    .pods(incarnation('a', 2), incarnation('b', 2))
    .brief();
  assert.deepEqual(bound.sort(), ['Bind a → n1', 'Bind b → n2']);
});

test('while one of them finds no room, none takes any', () => {
  const world = story(2, 1).checkpoints(stopped('a'), stopped('b'));
  world.pods(incarnation('a', 2), incarnation('b', 2));
  assert.match(
    world.brief()[0] ?? '',
    /^Unschedulable a: group checkpoint default\/all needs 2 pods at once: 0 run, 1 fits/,
  );
  world.after(1_000).nodes(node('n3').allocatable({ cpu: '2' }));
  assert.deepEqual(world.brief().sort(), ['Bind a → n1', 'Bind b → n3']);
});

test('they wait for one whose pod is not there yet', () => {
  const world = story(4).checkpoints(stopped('a'), stopped('b')).pods(incarnation('a', 1));
  assert.deepEqual(world.brief(), [
    'Unschedulable a: group checkpoint default/all has 1 of the 2 pods that must run at once.',
  ]);
  world.after(1_000).pods(incarnation('b', 1));
  assert.deepEqual(world.brief().sort(), ['Bind a → n1', 'Bind b → n1']);
});

test('what they come back with may become known after they began to wait', () => {
  const world = story(4).checkpoints(stopped('a')).pods(incarnation('a', 4), incarnation('b', 4));
  world.checkpoints(stopped('b'));
  const said = world.brief();
  assert.match(said.at(-1) ?? '', /needs 2 pods at once/);
  assert.ok(
    said.every((line) => line.startsWith('Unschedulable')),
    said.join('\n'),
  );
});

test('nobody waits for one that was given up, or runs again', () => {
  for (const reason of ['Abandoned', 'Restored'] as const) {
    const world = story(4).checkpoints(stopped('a'), stopped('b')).pods(incarnation('a', 1));
    assert.equal(world.decide().length, 1);
    world.checkpoints(stopped('b').restored(reason));
    assert.deepEqual(world.after(60_000).brief(), ['Bind a → n1'], reason);
  }
});

test('one that is lost on its way comes back beside those that are under way', () => {
  const world = story(2, 2).checkpoints(stopped('a'), stopped('b'));
  world.pods(incarnation('a', 2).on('n1'), incarnation('b', 2));
  assert.deepEqual(world.brief(), ['Bind b → n2']);
});

test('ranks of one job come back whole although fewer may begin', () => {
  const label = { [POD_GROUP_LABEL]: 'job' };
  const world = story(2, 1).tell(groupIs('job', 1)).checkpoints(stopped('a', 'job'), stopped('b', 'job'));
  world.pods(incarnation('a', 2).labels(label), incarnation('b', 2).labels(label));
  assert.match(world.brief()[0] ?? '', /^Unschedulable a: pod group default\/job needs 2 pods at once: 0 run, 1 fits/);
});

test('members of several jobs have their own gangs to wait for', () => {
  const world = story(4)
    .tell(groupIs('job', 1))
    .checkpoints(stopped('a', 'job'), stopped('b'))
    .pods(incarnation('a', 1).labels({ [POD_GROUP_LABEL]: 'job' }));
  assert.deepEqual(world.brief(), ['Bind a → n1']);
});
