import {
  type Adaptation,
  CAPABILITY_NAMES,
  type Capability,
  DEFAULT_COSTS,
  type Window,
  type World,
  type WorldCosts,
} from '../simulation/index.ts';
import { UsageError } from './exit.ts';
import type { SimulateFlags } from './simulate.ts';

const MIB = 1024 ** 2;
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;

export function adaptationOf(flags: SimulateFlags): Adaptation {
  const { from, to, limit, scaleArrivals, priorities, deadlineFactor, opportunistic } = flags;
  const factor = number('--scale-arrivals', scaleArrivals);
  if (factor <= 0) throw new UsageError(`--scale-arrivals must be more than 0, not ${scaleArrivals}.`);
  return {
    scaleArrivals: factor,
    ...(from === undefined ? {} : { fromSeconds: number('--from', from) }),
    ...(to === undefined ? {} : { toSeconds: number('--to', to) }),
    ...(limit === undefined ? {} : { limit: wholeNumber('--limit', limit) }),
    ...(opportunistic === undefined ? {} : { opportunistic: opportunistic.split(',') }),
    ...(deadlineFactor === undefined ? {} : { deadlineFactor: aboveZero('--deadline-factor', deadlineFactor) }),
    ...(priorities === undefined ? {} : { priorities: prioritiesOf(priorities) }),
  };
}

export function costsOf(flags: SimulateFlags): WorldCosts {
  const { storeMibPerSecond, applicationCheckpointSeconds, mtbfDays, rackMtbfDays, drainEveryDays } = flags;
  const rackNodes = wholeNumber('--rack-nodes', flags.rackNodes);
  if (rackNodes === 0) throw new UsageError('A rack has at least one node.');
  const disk = positive('--disk-mib-per-second', flags.diskMibPerSecond);
  const failures = positive('--dump-failures', flags.dumpFailures);
  if (failures > 1) throw new UsageError(`--dump-failures is a share, at most 1, not ${failures}.`);
  return {
    ...DEFAULT_COSTS,
    dumpSeconds: positive('--dump-seconds', flags.dumpSeconds),
    restoreSeconds: positive('--restore-seconds', flags.restoreSeconds),
    memoryBytesPerProcessor: positive('--memory-gib', flags.memoryGib) * 1024 * MIB,
    nodeBytesPerSecond: disk === 0 ? Infinity : disk * MIB,
    dumpFailureShare: failures,
    restartSeconds: positive('--restart-seconds', flags.restartSeconds),
    ...(storeMibPerSecond === undefined
      ? {}
      : { storeBytesPerSecond: aboveZero('--store-mib-per-second', storeMibPerSecond) * MIB }),
    ...(applicationCheckpointSeconds === undefined
      ? {}
      : {
          applicationCheckpointSeconds: aboveZero('--application-checkpoint-seconds', applicationCheckpointSeconds),
        }),
    rackNodes,
    bootSeconds: positive('--boot-seconds', flags.bootSeconds),
    drainSeconds: positive('--drain-hours', flags.drainHours) * HOUR_SECONDS,
    ...(rackMtbfDays === undefined
      ? {}
      : { rackMtbfSeconds: aboveZero('--rack-mtbf-days', rackMtbfDays) * DAY_SECONDS }),
    ...(drainEveryDays === undefined
      ? {}
      : { drainEverySeconds: aboveZero('--drain-every-days', drainEveryDays) * DAY_SECONDS }),
    ...(mtbfDays === undefined ? {} : { nodeMtbfSeconds: aboveZero('--mtbf-days', mtbfDays) * DAY_SECONDS }),
  };
}

/** What all nodes of the world together draw, idle and busy. */
export function wattsOf(
  text: string | undefined,
  { isPool, nodes }: World,
): { idle: number; busy: number } | undefined {
  if (text === undefined) return undefined;
  const [idle = '', busy = ''] = text.split(',');
  const units = isPool ? (nodes[0]?.cpuMillicores ?? 0) / 1_000 : nodes.length;
  return { idle: positive('--node-watts', idle) * units, busy: positive('--node-watts', busy) * units };
}

/** What is switched off of fermata. */
export function withoutOf(text: string | undefined): Capability[] {
  return (text ?? '')
    .split(',')
    .filter((name) => name !== '')
    .map((name) => {
      const known = CAPABILITY_NAMES.find((one) => one === name);
      if (known === undefined) {
        throw new UsageError(`Fermata has no capability "${name}".`, `Use some of: ${CAPABILITY_NAMES.join(', ')}.`);
      }
      return known;
    });
}

export function windowOf(text: string): Window {
  const [from = '', to = ''] = text.split(',');
  const window = { fromSeconds: number('--window', from), toSeconds: number('--window', to) };
  if (window.toSeconds <= window.fromSeconds) throw new UsageError(`--window ${text} ends before it begins.`);
  return window;
}

export function number(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${flag} must be a number, not "${text}".`);
  return value;
}

export function wholeNumber(flag: string, text: string): number {
  const value = number(flag, text);
  if (!Number.isInteger(value) || value < 0) throw new UsageError(`${flag} must be a whole number, not "${text}".`);
  return value;
}

function positive(flag: string, text: string): number {
  const value = number(flag, text);
  if (value < 0) throw new UsageError(`${flag} must not be negative, but is ${text}.`);
  return value;
}

function aboveZero(flag: string, text: string): number {
  const value = positive(flag, text);
  if (value === 0) throw new UsageError(`${flag} must be more than 0.`);
  return value;
}

function prioritiesOf(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [queue = '', priority = ''] = part.split('=');
      return [queue, number('--priorities', priority)];
    }),
  );
}
