import type { Clock, Random } from '../../clock/index.ts';
import type { Registry } from '../../kubernetes/index.ts';
import type { Log } from '../../model/index.ts';

/** What the handlers of requests work with. */
export interface ServerContext {
  registry: Registry;
  clock: Clock;
  random: Random;
  log: Log;
  /** Unix socket on which the node process answers `/containerLogs/…`. */
  nodeSocket: string;
}
