import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gate, Plugin } from '../framework/phases.ts';
import type { QueueEvent } from '../framework/queue-event.ts';
import { type PodInfo, podInfo } from '../snapshot/pod-info.ts';
import { PodTemplates } from '../snapshot/pod-template.ts';
import { ResourceSpace } from '../snapshot/resource-space.ts';
import { type PodBuilder, pod } from '../testing.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

const space = new ResourceSpace();
const templates = new PodTemplates(space);
const info = (builder: PodBuilder): PodInfo => podInfo(builder.build(), space, templates);
const EVENT: QueueEvent = { type: 'InterruptionRulesChanged' };

/** A queue over plugins that find every event helpful, or none; `gates` closes over whoever it names. */
function queueOf(plugins: readonly Plugin[], gateOf: (pod: PodInfo) => Gate | undefined = () => undefined) {
  return new SchedulingQueue({ plugins, gateOf, less: (one, other) => one.sequence < other.sequence });
}

const hinting = (name: string, answer: boolean, read: 'template' | 'pod' = 'pod', asked: string[] = []): Plugin => ({
  name,
  hintsRead: read,
  hints: {
    InterruptionRulesChanged: (one: PodInfo) => {
      asked.push(one.name);
      return answer;
    },
  },
});

function popped(queue: SchedulingQueue, name: string, now = 0) {
  queue.put(info(pod(name)), true, now);
  const entry = queue.pop(now);
  assert.ok(entry !== undefined);
  return entry;
}

test('queue: only the plugins that turned a pod down are asked whether an event helps it', () => {
  const queue = queueOf([hinting('Helps', true), hinting('Useless', false)]);
  queue.reject(popped(queue, 'a'), ['Useless'], 0);
  queue.reject(popped(queue, 'b'), ['Useless', 'Helps'], 0);
  queue.on(EVENT, 20_000);
  assert.equal(queue.get('uid-a')?.state, 'unschedulable');
  assert.equal(queue.get('uid-b')?.state, 'active');
});

test('queue: a plugin whose hints read the template is asked once for all pods made alike', () => {
  const asked: string[] = [];
  const queue = queueOf([hinting('Template', true, 'template', asked)]);
  for (const name of ['a', 'b', 'c']) queue.reject(popped(queue, name), ['Template'], 0);
  queue.on(EVENT, 20_000);
  assert.deepEqual(asked, ['a']);
  assert.equal(queue.lengths().active, 3);
});

test('queue: an event that came while a pod was in flight is not slept through', () => {
  const queue = queueOf([hinting('Helps', true)]);
  const entry = popped(queue, 'a');
  queue.assume(entry);
  queue.on(EVENT, 100);
  queue.reject(entry, ['Helps'], 200);
  assert.equal(entry.state, 'backoff', 'it only waits for its backoff');
});

test('queue: an event before a pod left, or one that cannot help it, lets it wait', () => {
  const queue = queueOf([hinting('Helps', true), hinting('Useless', false)]);
  const early = popped(queue, 'early');
  queue.on(EVENT, 100);
  queue.assume(early);
  queue.reject(early, ['Helps'], 200);
  assert.equal(early.state, 'unschedulable');
  const unhelped = popped(queue, 'unhelped');
  queue.assume(unhelped);
  queue.on(EVENT, 300);
  queue.reject(unhelped, ['Useless'], 400);
  assert.equal(unhelped.state, 'unschedulable');
});

test('queue: events missed by one pod in flight are still there for another that left later', () => {
  const queue = queueOf([hinting('Helps', true)]);
  const first = popped(queue, 'first');
  queue.assume(first);
  const second = popped(queue, 'second');
  queue.assume(second);
  queue.remove(first.info.uid);
  queue.on(EVENT, 100);
  queue.reject(second, ['Helps'], 200);
  assert.equal(second.state, 'backoff');
});

test('queue: so many events that they were forgotten count as one that helps', () => {
  const queue = queueOf([hinting('Useless', false)]);
  const entry = popped(queue, 'a');
  queue.assume(entry);
  for (let count = 0; count < 10_001; count++) queue.on(EVENT, 100);
  queue.reject(entry, ['Useless'], 200);
  assert.equal(entry.state, 'backoff');
});

test('queue: an event the gating plugin finds helpful has the gate tried again', () => {
  let closed = true;
  const gate: Gate = { plugin: 'Gate', message: 'closed' };
  const queue = queueOf([hinting('Gate', true)], () => (closed ? gate : undefined));
  queue.put(info(pod('a')), true, 0);
  queue.on(EVENT, 100);
  assert.equal(queue.lengths().gated, 1, 'still closed');
  closed = false;
  queue.on(EVENT, 200);
  assert.equal(queue.lengths().active, 1);
});

test('queue: a new version of a waiting pod is found by events as the old one was', () => {
  const queue = queueOf([hinting('Template', true, 'template')]);
  queue.reject(popped(queue, 'a'), ['Template'], 0);
  queue.put(info(pod('a').priority(7)), false, 100);
  queue.on(EVENT, 20_000);
  assert.equal(queue.get('uid-a')?.state, 'active');
});

test('queue: the backoff can be chosen', () => {
  const queue = new SchedulingQueue(
    { plugins: [hinting('Helps', true)], gateOf: () => undefined, less: () => false },
    { backoff: { initialMilliseconds: 100, maxMilliseconds: 250 } },
  );
  const waits: number[] = [];
  let now = 0;
  queue.put(info(pod('a')), true, now);
  for (let round = 0; round < 3; round++) {
    const entry = queue.pop(now);
    assert.ok(entry !== undefined);
    queue.reject(entry, ['Helps'], now);
    queue.on(EVENT, now);
    waits.push(entry.dueAt - now);
    now = entry.dueAt;
    queue.flush(now);
  }
  assert.deepEqual(waits, [100, 200, 250]);
});
