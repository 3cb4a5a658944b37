import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { ApiError, MemoryBacking, type ObjectStore, Registry } from '../../kubernetes/index.ts';
import { CONFIG_MAPS } from '../../model/index.ts';
import type { PreBindStep } from '../../scheduling/index.ts';
import { PreBindWriter } from './pre-bind-writer.ts';

const KEY = { namespace: 'default', name: 'claim' };
const STEP: PreBindStep = { plugin: 'Volumes', type: CONFIG_MAPS, ...KEY, patch: { data: { node: 'n1' } } };

let clock: VirtualClock;
let registry: Registry;

beforeEach(async () => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  await registry.create(CONFIG_MAPS, { metadata: KEY, data: {} });
});

const write = (step: PreBindStep, store: ObjectStore = registry) =>
  new PreBindWriter({ store, clock }).write([step], new AbortController().signal);

test('a step is written', async () => {
  assert.equal(await write(STEP), undefined);
  assert.deepEqual((await registry.get(CONFIG_MAPS, KEY)).data, { node: 'n1' });
});

test('what the server refuses is told with its plugin', async () => {
  const failure = await write({ ...STEP, name: 'missing' });
  assert.equal(failure?.plugin, 'Volumes');
  assert.match(failure.reason, /^ConfigMap missing could not be written: /);
});

test('an answer that never came is asked for again', async () => {
  let tries = 0;
  const store = new Proxy(registry, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'patch') return member.bind(target);
      return async (...parameters: unknown[]): Promise<unknown> => {
        tries += 1;
        if (tries < 3) throw new ApiError('Timeout', 'no answer');
        return member.apply(target, parameters);
      };
    },
  });
  const written = write(STEP, store);
  await clock.advance(1_000);
  assert.equal(await written, undefined);
  assert.equal(tries, 3);
});

test('the bind waits for what was asked for to come about, and no longer than it may', async () => {
  const waitFor = { field: 'data.phase', equals: 'Bound', timeoutMilliseconds: 10_000 };
  const granted = write({ ...STEP, waitFor });
  await clock.advance(3_000);
  await registry.patch(CONFIG_MAPS, KEY, { data: { phase: 'Bound' } });
  await clock.advance(1_000);
  assert.equal(await granted, undefined);
  const denied = write({ ...STEP, waitFor: { ...waitFor, equals: 'Never' } });
  await clock.advance(11_000);
  assert.match((await denied)?.reason ?? '', /did not get data\.phase Never in time/);
});
