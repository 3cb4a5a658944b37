import type { Window } from './outcome.ts';

/** Why bytes move: dumps and restores on the disks of nodes, uploads and fetches to and from the store. */
export const TRAFFIC = ['dump', 'restore', 'upload', 'fetch'] as const;
export type TrafficKind = (typeof TRAFFIC)[number];

/** Steps the window is cut into. */
const STEPS = 48;

/** Bytes a second, mean over each of equal steps of the window. */
export type TrafficSeries = Readonly<Record<TrafficKind, readonly number[]>>;

/** Bytes moved over time. Each transfer counts as if it had gone evenly from its begin to its end. */
export class Traffic {
  readonly #window: Window;
  readonly #stepSeconds: number;
  readonly #bytes: Readonly<Record<TrafficKind, Float64Array>>;

  constructor(window: Window) {
    this.#window = window;
    this.#stepSeconds = (window.toSeconds - window.fromSeconds) / STEPS;
    const empty = (): Float64Array => new Float64Array(STEPS);
    this.#bytes = { dump: empty(), restore: empty(), upload: empty(), fetch: empty() };
  }

  moved(kind: TrafficKind, bytes: number, fromSeconds: number, toSeconds: number): void {
    if (this.#stepSeconds <= 0) return;
    const series = this.#bytes[kind];
    const from = (fromSeconds - this.#window.fromSeconds) / this.#stepSeconds;
    const to = (toSeconds - this.#window.fromSeconds) / this.#stepSeconds;
    const first = Math.max(0, Math.floor(from));
    if (to === from) {
      if (from >= 0 && first < STEPS) series[first] = (series[first] ?? 0) + bytes;
      return;
    }
    for (let step = first; step < Math.min(STEPS, to); step++) {
      const share = (Math.min(to, step + 1) - Math.max(from, step)) / (to - from);
      series[step] = (series[step] ?? 0) + bytes * share;
    }
  }

  series(): TrafficSeries {
    const rate = (bytes: Float64Array): number[] =>
      [...bytes].map((one) => (this.#stepSeconds > 0 ? Math.round(one / this.#stepSeconds) : 0));
    const { dump, restore, upload, fetch } = this.#bytes;
    return { dump: rate(dump), restore: rate(restore), upload: rate(upload), fetch: rate(fetch) };
  }
}
