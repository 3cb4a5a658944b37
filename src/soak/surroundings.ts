import type { MemoryStorage } from '../agent/index.ts';
import type { VirtualClock } from '../clock/index.ts';
import type { Log } from '../model/index.ts';
import type { SimulatedOutputs } from '../runtime/index.ts';
import type { ApiServer } from './api-server.ts';
import type { Chance } from './chance.ts';
import type { FaultInjector } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';
import type { Recorder } from './recorder.ts';
import type { RemoteStore } from './remote-store.ts';
import type { WorldAlarms } from './world-alarms.ts';

/** What everything in one world shares. */
export interface Surroundings {
  clock: VirtualClock;
  chance: Chance;
  faults: FaultInjector;
  rates: FaultRates;
  recorder: Recorder;
  api: ApiServer;
  /** The disks of all nodes, each below `/nodes/<name>`. */
  storage: MemoryStorage;
  /** Off the nodes; undefined: there is none. */
  remote: RemoteStore | undefined;
  /** What processes wrote, outside of every node. */
  outputs: SimulatedOutputs;
  alarms: WorldAlarms;
  /** A component got into a loop in which no time passes; it was killed. */
  onEndlessLoop: (component: string) => void;
  /** The product's log. */
  log: (component: string) => Log;
}
