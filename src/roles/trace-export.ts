import { Agent, request } from 'undici';
import type { Clock, Random } from '../clock/index.ts';
import { type ObjectStore, Reflector } from '../kubernetes/index.ts';
import { type Log, POD_CHECKPOINTS, type PodCheckpoint, reasonOf } from '../model/index.ts';
import { interruptionTrace, type Trace } from '../timeline/index.ts';
import { otlpRequest } from './otlp.ts';

/** Told together: those that end within this time. */
const BATCH_MILLISECONDS = 1_000;
/** A collector that does not answer is tried again after this long. */
const RETRY_MILLISECONDS = 10_000;
const ANSWER_MILLISECONDS = 10_000;
/** While it is away this many are kept; then the oldest go. */
const KEPT_TRACES = 1_000;
/** Who takes over tells of what ended this long before: it may not have been told. The ids are the same, so twice is once. */
const LOOK_BACK_MILLISECONDS = 60_000;

export interface TraceExportParts {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  count: (outcome: 'exported' | 'dropped', traces: number) => void;
}

export interface TraceExportOptions {
  /** Base URL of an OTLP/HTTP receiver, without `v1/traces`. */
  endpoint: string;
  /** Sent with each request. */
  headers: Readonly<Record<string, string>>;
  serviceName: string;
}

/** Tells an OpenTelemetry collector of each interruption when it is over, step by step (OTLP over HTTP, JSON). */
export class TraceExport {
  readonly #parts: TraceExportParts;
  readonly #options: TraceExportOptions;
  readonly #url: string;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #told = new Set<string>();
  readonly #waiting: Trace[] = [];
  readonly #connections = new Agent({ connections: 1 });
  readonly #stopping = new AbortController();
  #since = Infinity;
  #sending: Promise<void> = Promise.resolve();

  constructor(parts: TraceExportParts, options: TraceExportOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#url = `${options.endpoint.replace(/\/+$/, '')}/v1/traces`;
    this.#checkpoints = new Reflector<PodCheckpoint>(parts, POD_CHECKPOINTS, {
      onChange: (checkpoint) => this.#seen(checkpoint),
      onDelete: ({ metadata }) => this.#told.delete(metadata.uid),
    });
  }

  start(): void {
    this.#since = this.#parts.clock.now() - LOOK_BACK_MILLISECONDS;
    this.#checkpoints.start();
    this.#sending = this.#run(this.#stopping.signal);
  }

  /** What is left is tried once more. */
  async stop(): Promise<void> {
    await this.#checkpoints.stop();
    this.#stopping.abort(new Error('the export of traces stops'));
    await this.#sending;
    await this.#send(AbortSignal.timeout(BATCH_MILLISECONDS));
    await this.#connections.destroy();
  }

  #seen(checkpoint: PodCheckpoint): void {
    const { uid } = checkpoint.metadata;
    if (this.#told.has(uid)) return;
    const trace = interruptionTrace(checkpoint);
    if (trace === undefined) return;
    this.#told.add(uid);
    if ((trace.spans[0]?.end ?? 0) < this.#since) return;
    this.#waiting.push(trace);
    if (this.#waiting.length > KEPT_TRACES) {
      this.#waiting.shift();
      this.#parts.count('dropped', 1);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#parts.clock.sleep(BATCH_MILLISECONDS, signal);
        if (!(await this.#send(signal))) await this.#parts.clock.sleep(RETRY_MILLISECONDS, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Whether nothing is left to be sent. */
  async #send(signal: AbortSignal): Promise<boolean> {
    const batch = [...this.#waiting];
    if (batch.length === 0) return true;
    const either = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MILLISECONDS)]);
    const { headers, serviceName } = this.#options;
    try {
      const { statusCode, body } = await request(this.#url, {
        dispatcher: this.#connections,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(otlpRequest(batch, serviceName)),
        signal: either,
      });
      await body.dump();
      if (statusCode >= 300) throw new Error(`HTTP ${statusCode}`);
    } catch (error) {
      if (signal.aborted) return false;
      this.#parts.log.warn({ url: this.#url, traces: batch.length, reason: reasonOf(error) }, 'traces were not taken');
      return false;
    }
    const sent = new Set(batch);
    this.#waiting.splice(0, Infinity, ...this.#waiting.filter((trace) => !sent.has(trace)));
    this.#parts.count('exported', batch.length);
    return true;
  }
}
