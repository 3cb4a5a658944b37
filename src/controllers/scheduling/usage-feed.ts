import type { Clock, Timer } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { type KubeObject, keyOf, type Log, parseResources, type ResourceType, reasonOf } from '../../model/index.ts';
import type { ClusterEvent } from '../../scheduling/index.ts';

/** What metrics-server tells of a pod (`metrics.k8s.io/v1beta1`). */
interface PodMetrics extends KubeObject {
  /** End of the time the use was measured over. */
  timestamp?: string;
  containers?: { name: string; usage?: Record<string, string> }[];
}

const POD_METRICS: ResourceType<PodMetrics> = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  singular: 'pod',
  shortNames: [],
  namespaced: true,
};

/** Metrics-server measures every 15 s (its `--metric-resolution`). */
const DEFAULT_INTERVAL_MILLISECONDS = 15_000;
/** In a cluster without metrics-server it is asked for this seldom. */
const ABSENT_INTERVAL_MILLISECONDS = 600_000;

export interface UsageFeedOptions {
  /** UID of the pod known by `namespace/name`. */
  uidOf: (key: string) => string | undefined;
  onEvent: (event: ClusterEvent) => void;
  /** Default: 15 s. */
  intervalMilliseconds?: number;
}

/** Tells the engine what pods consume, where the cluster measures it. */
export class UsageFeed {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: UsageFeedOptions;
  readonly #stopping = new AbortController();
  /** Pod → timestamp of the measurement that was told last. */
  #told = new Map<string, string>();
  #timer: Timer | undefined;
  #asking: Promise<void> | undefined;
  #isAbsent = false;

  constructor(parts: { store: ObjectStore; clock: Clock; log: Log }, options: UsageFeedOptions) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#options = options;
  }

  start(): void {
    if (this.#timer === undefined && !this.#stopping.signal.aborted) this.#askIn(0);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the usage feed stops'));
    this.#timer?.cancel();
    await this.#asking;
  }

  #askIn(milliseconds: number): void {
    this.#timer = this.#clock.setTimer(milliseconds, () => {
      this.#asking = this.#ask().then((next) => {
        if (!this.#stopping.signal.aborted) this.#askIn(next);
      });
    });
  }

  /** Returns after how long to ask again, ms. */
  async #ask(): Promise<number> {
    const { intervalMilliseconds = DEFAULT_INTERVAL_MILLISECONDS } = this.#options;
    try {
      const { items } = await this.#store.list(POD_METRICS, { signal: this.#stopping.signal });
      this.#isAbsent = false;
      this.#tell(items);
      return intervalMilliseconds;
    } catch (error) {
      if (this.#stopping.signal.aborted) return intervalMilliseconds;
      const reason = reasonOf(error);
      // Without metrics-server the group does not exist; while it does not answer, the API is `ServiceUnavailable`.
      if (!isApiError(error, 'NotFound', 'Forbidden')) {
        this.#log.debug({ reason }, 'the use of pods could not be read');
        return intervalMilliseconds;
      }
      if (!this.#isAbsent)
        this.#log.info({ reason }, 'nobody measures what pods use: nothing is lent of what they hold');
      this.#isAbsent = true;
      return ABSENT_INTERVAL_MILLISECONDS;
    }
  }

  #tell(items: readonly PodMetrics[]): void {
    const told = new Map<string, string>();
    for (const item of items) {
      const key = keyOf(item);
      const uid = this.#options.uidOf(key);
      const { timestamp = '' } = item;
      if (uid === undefined) continue;
      told.set(uid, timestamp);
      // The same measurement again is no news, and must not pass for a fresh one.
      if (timestamp !== '' && this.#told.get(uid) === timestamp) continue;
      const use = usageOf(item);
      if (use !== undefined) this.#options.onEvent({ type: 'UsageObserved', uid, ...use });
    }
    this.#told = told;
  }
}

/** Sums of the containers; undefined when a quantity cannot be read. */
function usageOf({ containers = [] }: PodMetrics): { cpuMillicores: number; memoryBytes: number } | undefined {
  let cpuMillicores = 0;
  let memoryBytes = 0;
  try {
    for (const { usage } of containers) {
      const { cpu = 0, memory = 0 } = parseResources(usage);
      cpuMillicores += cpu;
      memoryBytes += memory;
    }
  } catch {
    return undefined;
  }
  return { cpuMillicores, memoryBytes };
}
