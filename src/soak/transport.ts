import type { Clock } from '../clock/index.ts';
import {
  ApiError,
  type BindablePod,
  type CallOptions,
  type DeleteOptions,
  isApiError,
  type ListOptions,
  type ObjectKey,
  type ObjectList,
  type ObjectStore,
  type Registry,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from '../kubernetes/index.ts';
import { type Draft, EVENTS, type KubeObject, LEASES, PODS, type ResourceType } from '../model/index.ts';
import type { ApiAccess } from './api-server.ts';
import type { FaultStream } from './fault-injector.ts';
import type { FaultRates, RequestFault } from './fault-rates.ts';
import type { Incarnation } from './incarnation.ts';
import type { Recorder } from './recorder.ts';
import { FaultyWatch } from './watch.ts';

export interface TransportParts {
  api: ApiAccess;
  /** Whether the network keeps what the process writes, to deliver it later, and lets no answer back. Leases pass. */
  isHeldBack: () => boolean;
  /** The world's, not the process's: what is on the way goes on when the process dies. */
  clock: Clock;
  recorder: Recorder;
  stream: FaultStream;
  rates: Pick<FaultRates, 'request' | 'watch'>;
}

/** Mean of what a slow request takes, ms. */
const SLOW_MILLISECONDS = 200;
/** Mean delay of a request that was given up by its client, ms. */
const LATE_MILLISECONDS = 3_000;

/** How long the network may keep a request: beyond the time in which another replica takes over. */
const LONGEST_HOLD_MILLISECONDS = 180_000;
/** How long a client waits for an answer that does not come, ms. */
const PATIENCE_MILLISECONDS = 30_000;

/** The API server as one process reaches it: over a network that delays, loses and repeats, and only while it lives. */
export class Transport implements ObjectStore {
  readonly #process: Incarnation;
  readonly #parts: TransportParts;

  constructor(process: Incarnation, parts: TransportParts) {
    this.#process = process;
    this.#parts = parts;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<T> {
    return this.#read(options, (registry) => registry.get(type, key, options));
  }

  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>> {
    return this.#read(options, (registry) => registry.list(type, options));
  }

  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const { api, clock, stream, rates } = this.#parts;
    return this.#process.iterate(() => new FaultyWatch<T>({ api, clock, stream, rates: rates.watch }, type, options));
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options?: CallOptions): Promise<T> {
    // Nobody reads events here, and there are more of them than of all else.
    if (type.kind === EVENTS.kind) return Promise.resolve(object as unknown as T);
    return this.#write(type, options, (registry, given) => registry.create(type, object, given));
  }

  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.#write(type, options, (registry, given) => registry.replace(type, object, given), true);
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: object,
    options?: WriteOptions,
  ): Promise<T> {
    if (type.kind === EVENTS.kind) return Promise.resolve({ metadata: key } as unknown as T);
    return this.#write(type, options, (registry, given) => registry.patch(type, key, patch, given), true);
  }

  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<T> {
    return this.#write(type, options, (registry, given) => registry.delete(type, key, given));
  }

  bind(pod: BindablePod, nodeName: string, options?: CallOptions): Promise<void> {
    return this.#write(PODS, options, (registry, given) => registry.bind(pod, nodeName, given));
  }

  #read<R>(options: CallOptions | undefined, act: (registry: Registry) => Promise<R>): Promise<R> {
    return this.#process.call(() => {
      const fault = this.#choose();
      // Most requests meet none.
      return fault === undefined ? act(this.#parts.api.reach()) : this.#readDespite(fault, options, act);
    });
  }

  async #readDespite<R>(
    fault: RequestFault,
    options: CallOptions | undefined,
    act: (registry: Registry) => Promise<R>,
  ): Promise<R> {
    if (fault === 'slow') await this.#pause(SLOW_MILLISECONDS, options);
    else if (fault === 'lostAnswer' || fault === 'late') throw noAnswer();
    else this.#refuse(fault, false);
    return act(this.#parts.api.reach());
  }

  #write<O extends CallOptions, R>(
    type: ResourceType,
    options: O | undefined,
    send: (registry: Registry, options: O | undefined) => Promise<R>,
    mayConflict = false,
  ): Promise<R> {
    const act = (registry: Registry): Promise<R> => send(registry, options);
    // What is on its way is not called back by whoever gives it up.
    const arrive = (registry: Registry): Promise<R> => send(registry, withoutSignal(options));
    return this.#process.call(() => {
      if (this.#parts.isHeldBack() && type.kind !== LEASES.kind) {
        this.#deliver(arrive, this.#parts.stream.chance.between(0, LONGEST_HOLD_MILLISECONDS));
        return this.#waitInVain(options);
      }
      const fault = this.#choose();
      return fault === undefined ? this.#act(act) : this.#writeDespite(fault, { options, act, arrive, mayConflict });
    });
  }

  async #writeDespite<R>(
    fault: RequestFault,
    request: {
      options: CallOptions | undefined;
      act: (registry: Registry) => Promise<R>;
      arrive: (registry: Registry) => Promise<R>;
      mayConflict: boolean;
    },
  ): Promise<R> {
    const { options, act, arrive, mayConflict } = request;
    switch (fault) {
      case 'slow':
        await this.#pause(SLOW_MILLISECONDS, options);
        break;
      case 'late':
        this.#later(arrive);
        throw noAnswer();
      case 'twice':
        this.#later(arrive);
        break;
      default:
        this.#refuse(fault, mayConflict);
    }
    const result = await this.#act(act);
    if (fault === 'slow') await this.#pause(SLOW_MILLISECONDS, undefined);
    if (fault === 'lostAnswer') throw noAnswer();
    return result;
  }

  #choose(): RequestFault | undefined {
    return this.#parts.stream.choose('request', this.#parts.rates.request);
  }

  #act<R>(act: (registry: Registry) => Promise<R>): Promise<R> {
    const { api, recorder } = this.#parts;
    const registry = api.reach();
    return recorder.attributed(this.#process.name, () => act(registry));
  }

  /** Nobody waits for this one any more. */
  #later(act: (registry: Registry) => Promise<unknown>): void {
    this.#deliver(act, this.#parts.stream.chance.exponential(LATE_MILLISECONDS));
  }

  #deliver(act: (registry: Registry) => Promise<unknown>, milliseconds: number): void {
    this.#parts.clock.setTimer(milliseconds, () => {
      const refused = (error: unknown): void => {
        if (!(error instanceof Error)) throw error;
      };
      try {
        this.#act(act).catch(refused);
      } catch (error) {
        refused(error); // there is no server to reach
      }
    });
  }

  async #waitInVain(options: CallOptions | undefined): Promise<never> {
    await this.#parts.clock.sleep(PATIENCE_MILLISECONDS, options?.signal);
    throw noAnswer();
  }

  async #pause(meanMilliseconds: number, options: CallOptions | undefined): Promise<void> {
    await this.#parts.clock.sleep(this.#parts.stream.chance.exponential(meanMilliseconds), options?.signal);
  }

  #refuse(fault: RequestFault, mayConflict: boolean): void {
    switch (fault) {
      case 'tooManyRequests':
        throw new ApiError('TooManyRequests', 'the server is too busy', { details: { retryAfterSeconds: 1 } });
      case 'serverError':
        throw new ApiError('InternalError', 'etcdserver: leader changed');
      case 'unreachable':
        throw new ApiError('ServiceUnavailable', 'connect ECONNREFUSED', { status: 0 });
      case 'conflict':
        if (mayConflict) throw new ApiError('Conflict', 'the object has been modified; please apply your changes');
    }
  }
}

function withoutSignal<O extends CallOptions>(options: O | undefined): O | undefined {
  if (options?.signal === undefined) return options;
  const { signal: _, ...rest } = options;
  return rest as O;
}

function noAnswer(): ApiError {
  return new ApiError('ServiceUnavailable', 'read ECONNRESET: no answer came', { status: 0 });
}

/** Whether the server refused, for reasons that callers outside of the product (users) shrug off. */
export function refusalOf(error: unknown): string {
  return isApiError(error) ? error.reason : 'Unknown';
}
