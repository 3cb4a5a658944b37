import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStorage } from '../agent/index.ts';
import { MemoryFiles } from '../checkpoint/index.ts';
import { VirtualClock } from '../clock/index.ts';
import { SILENT_LOG } from '../model/index.ts';
import { SimulatedOutputs } from '../runtime/index.ts';
import { ApiServer } from './api-server.ts';
import { Chance } from './chance.ts';
import { ComponentHost } from './component-host.ts';
import { FaultInjector } from './fault-injector.ts';
import { faultRates } from './fault-rates.ts';
import { Recorder } from './recorder.ts';
import { WorldAlarms } from './world-alarms.ts';

function hostOf(clock: VirtualClock, lives: string[]): ComponentHost {
  const chance = new Chance(1);
  const now = (): number => clock.now();
  const recorder = new Recorder(now, []);
  const world = {
    clock,
    chance,
    faults: new FaultInjector(chance.fork('faults'), now, undefined),
    rates: faultRates('none', 1),
    recorder,
    api: new ApiServer({ clock, random: chance.random, recorder }),
    storage: new MemoryStorage(new MemoryFiles()),
    remote: undefined,
    outputs: new SimulatedOutputs(),
    alarms: new WorldAlarms(clock),
    log: () => SILENT_LOG,
    onEndlessLoop: () => assert.fail('an endless loop'),
  };
  return new ComponentHost(world, 'node/n1', ({ clock: own, incarnation }) => ({
    start: () => void lives.push(`${incarnation.name} starts`),
    stop: async () => {
      await own.sleep(1_000);
      lives.push(`${incarnation.name} ends`);
    },
  }));
}

test('what is started while it still ends is started again when it has ended', async () => {
  const clock = new VirtualClock();
  const lives: string[] = [];
  const host = hostOf(clock, lives);
  host.start();
  host.freeze();
  void host.stop();
  await clock.advance(60_000);
  host.thaw();
  host.start();
  await clock.advance(60_000);
  assert.deepEqual(lives, ['node/n1#1 starts', 'node/n1#1 ends', 'node/n1#2 starts']);
  assert.ok(host.isRunning);
});

test('what nobody starts again stays ended', async () => {
  const clock = new VirtualClock();
  const lives: string[] = [];
  const host = hostOf(clock, lives);
  host.start();
  void host.stop();
  await clock.advance(60_000);
  assert.deepEqual(lives, ['node/n1#1 starts', 'node/n1#1 ends']);
  assert.equal(host.isRunning, false);
});
