import { hash } from 'node:crypto';
import { type Clock, type Random, rfc3339 } from '../clock/index.ts';
import { type Draft, EVENTS, type KubeEvent, type KubeObject, type Log, reasonOf } from '../model/index.ts';
import { isApiError } from './api-error.ts';
import { SimilarEvents } from './similar-events.ts';
import type { ObjectStore } from './store.ts';

/** Events that wait to be written; what comes beyond is dropped. */
const QUEUE_LIMIT = 1_000;
/** client-go's spam filter: this many events about one object at once, then one more every five minutes. */
const BURST_PER_OBJECT = 25;
const REFILL_MILLISECONDS = 300_000;
/** Objects and events remembered, the ones used longest ago forgotten first; client-go keeps 4,096 as well. */
const MEMORY_LIMIT = 4_096;
const ATTEMPTS = 4;
const RETRY_MILLISECONDS = 500;
/** client-go's words. */
const COMBINED = '(combined from similar events): ';
/** Kubernetes refuses longer messages. */
const MESSAGE_LIMIT = 1_024;

interface Waiting {
  draft: Draft<KubeEvent> & { metadata: { name: string; namespace: string } };
  count: number;
  last: string;
}

/**
 * Records core/v1 Events about objects. Never throws and never blocks: events are written one after the other in the
 * background; equal ones are counted up in one object (`count`, `lastTimestamp`) whose name follows from its content, also
 * across restarts; ones that differ in nothing but their message are combined from the tenth on (client-go's
 * `EventCorrelator`); when the server cannot keep up or one object causes too many, they are dropped.
 */
export class EventRecorder {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #source: { component: string; host?: string };
  readonly #queue = new Map<string, Waiting>();
  /** How often each event is known to have been counted. */
  readonly #counts = new Map<string, number>();
  readonly #similar = new SimilarEvents();
  readonly #budgets = new Map<string, { tokens: number; at: number }>();
  #writing: Promise<void> | undefined;
  #abort = new AbortController();

  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    options: { component: string; host?: string },
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#source = options;
  }

  /** @param reason one CamelCase word; @param message for people, cut at 1,024 characters */
  record(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { uid, namespace = 'default', name } = object.metadata;
    const group = JSON.stringify([this.#source, object.kind, namespace, name, uid, type, reason]);
    const isCombined = this.#similar.isToBeCombined(group, message, this.#clock.monotonic());
    const whole = isCombined ? `${COMBINED}${message}` : message;
    const text = whole.length > MESSAGE_LIMIT ? `${whole.slice(0, MESSAGE_LIMIT - 1)}…` : whole;
    const digest = hash('sha256', `${group} ${isCombined ? COMBINED : text}`);
    const eventName = `${name.slice(0, 200)}.${digest.slice(0, 16)}`;
    const key = `${namespace}/${eventName}`;
    const last = rfc3339(this.#clock.now());
    const waiting = this.#queue.get(key);
    if (waiting !== undefined) {
      waiting.count++;
      waiting.last = last;
      waiting.draft = { ...waiting.draft, message: text };
      return;
    }
    if (this.#queue.size >= QUEUE_LIMIT || !this.#spend(uid)) {
      this.#log.debug({ object: `${object.kind} ${namespace}/${name}`, reason, message: text }, 'event dropped');
      return;
    }
    const draft = {
      metadata: { name: eventName, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        uid,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
        ...(object.metadata.resourceVersion ? { resourceVersion: object.metadata.resourceVersion } : {}),
      },
      type,
      reason,
      message: text,
      source: this.#source,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
      firstTimestamp: last,
    };
    this.#queue.set(key, { draft, count: 1, last });
    this.#writing ??= this.#write(this.#abort.signal);
  }

  /** Resolves when all that was recorded so far is written or was dropped. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Drops what is not written yet, and waits for the write under way. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('the event recorder was stopped'));
    this.#queue.clear();
    await this.#writing;
    this.#abort = new AbortController();
  }

  async #write(signal: AbortSignal): Promise<void> {
    // What is recorded in the same turn still counts up.
    await undefined;
    for (const [key, waiting] of this.#queue) {
      this.#queue.delete(key);
      await this.#writeOne(key, waiting, signal);
    }
    this.#writing = undefined;
  }

  async #writeOne(key: string, waiting: Waiting, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#createOrCount(key, waiting, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const passing = isApiError(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests', 'InternalError');
        if (!passing || attempt === ATTEMPTS) {
          this.#log.debug({ event: key, reason: reasonOf(error) }, 'event could not be written and is dropped');
          return;
        }
        const wait = RETRY_MILLISECONDS * 2 ** (attempt - 1) * (0.5 + this.#random() / 2);
        await this.#clock.sleep(wait, signal).catch((interruption: unknown) => {
          if (!signal.aborted) throw interruption;
        });
      }
    }
  }

  async #createOrCount(key: string, { draft, count, last }: Waiting, signal: AbortSignal): Promise<void> {
    const known = this.#counts.get(key);
    if (known === undefined || !(await this.#countUp(key, draft, known + count, last, signal))) {
      try {
        await this.#store.create(EVENTS, { ...draft, lastTimestamp: last, count }, { signal });
        remember(this.#counts, key, count);
      } catch (error) {
        if (!isApiError(error, 'AlreadyExists')) throw error;
        // From before a restart, or a create whose answer was lost.
        const { count: before = 1 } = await this.#store.get(EVENTS, draft.metadata, { signal });
        await this.#countUp(key, draft, before + count, last, signal);
      }
    }
  }

  /** False when the event is gone (they live for an hour). */
  async #countUp(
    key: string,
    draft: Waiting['draft'],
    count: number,
    last: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      // Of combined events the last one's message stands.
      const { message } = draft;
      await this.#store.patch(EVENTS, draft.metadata, { count, lastTimestamp: last, message }, { signal });
      remember(this.#counts, key, count);
      return true;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      this.#counts.delete(key);
      return false;
    }
  }

  /** Takes one from the object's budget; false when nothing is left in it. */
  #spend(uid: string): boolean {
    const now = this.#clock.now();
    const budget = this.#budgets.get(uid) ?? { tokens: BURST_PER_OBJECT, at: now };
    const tokens = Math.min(BURST_PER_OBJECT, budget.tokens + (now - budget.at) / REFILL_MILLISECONDS);
    remember(this.#budgets, uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}

/** Sets the value as the most recently used one, and forgets the least recently used beyond the limit. */
function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size <= MEMORY_LIMIT) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}
