/** Values of a metric's labels; a series exists for each combination that was used. */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** @param by default 1; never negative */
  increment(labels?: Labels, by?: number): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

type Type = 'counter' | 'gauge' | 'histogram';

interface Family {
  type: Type;
  help: string;
  /** Lines of one scrape, without HELP and TYPE. */
  lines: () => string[];
}

/** `count` bounds, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Number((start * factor ** index).toPrecision(12)));
}

/**
 * The figures of one process, in Prometheus' text format (version 0.0.4). Names are Prometheus' own: base units, `_total` for
 * what only grows. A metric without labels shows 0 before it is first used, so that an alert on it knows it exists.
 */
export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #collectors: (() => void)[] = [];

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const series = new Series(labelNames);
    this.#add(name, { type: 'counter', help, lines: () => series.lines(name) });
    return { increment: (labels = {}, by = 1) => series.set(labels, series.get(labels) + by) };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const series = new Series(labelNames);
    this.#add(name, { type: 'gauge', help, lines: () => series.lines(name) });
    return { set: (value, labels = {}) => series.set(labels, value) };
  }

  /** @param buckets upper bounds, rising; the one for everything is added */
  histogram(name: string, help: string, buckets: readonly number[], labelNames: readonly string[] = []): Histogram {
    const sums = new Series(labelNames);
    const counts = new Series(labelNames);
    const bounds = buckets.map((bound) => ({ bound, series: new Series(labelNames) }));
    const lines = (): string[] =>
      counts
        .labels()
        .flatMap((labels) => [
          ...bounds.map(({ bound, series }) =>
            line(`${name}_bucket`, { ...labels, le: String(bound) }, series.get(labels)),
          ),
          line(`${name}_bucket`, { ...labels, le: '+Inf' }, counts.get(labels)),
          line(`${name}_sum`, labels, sums.get(labels)),
          line(`${name}_count`, labels, counts.get(labels)),
        ]);
    this.#add(name, { type: 'histogram', help, lines });
    return {
      observe: (value, labels = {}) => {
        sums.set(labels, sums.get(labels) + value);
        counts.set(labels, counts.get(labels) + 1);
        for (const { bound, series } of bounds) if (value <= bound) series.set(labels, series.get(labels) + 1);
      },
    };
  }

  /** Called before each scrape, to set what is only known when it is looked at. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  text(): string {
    for (const collect of this.#collectors) collect();
    const lines = [...this.#families].flatMap(([name, { type, help, lines }]) => [
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
      ...lines(),
    ]);
    return `${lines.join('\n')}\n`;
  }

  #add(name: string, family: Family): void {
    if (this.#families.has(name)) throw new Error(`metric ${name} is there already`);
    this.#families.set(name, family);
  }
}

/** One number for each combination of labels. */
class Series {
  readonly #values = new Map<string, { labels: Labels; value: number }>();

  constructor(labelNames: readonly string[]) {
    if (labelNames.length === 0) this.set({}, 0);
  }

  get(labels: Labels): number {
    return this.#values.get(keyOf(labels))?.value ?? 0;
  }

  set(labels: Labels, value: number): void {
    this.#values.set(keyOf(labels), { labels, value });
  }

  labels(): Labels[] {
    return [...this.#values.values()].map(({ labels }) => labels);
  }

  lines(name: string): string[] {
    return [...this.#values.values()].map(({ labels, value }) => line(name, labels, value));
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
