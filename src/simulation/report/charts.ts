import type { Outcome, Segment, Window } from '../outcome.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { TRAFFIC, type TrafficSeries } from '../traffic.ts';
import type { Series } from './series.ts';
import { escaped, px, spoken, ticks } from './svg.ts';

const WIDTH = 1_000;
const LEFT = 60;
const RIGHT = 20;
const TOP = 10;
const BOTTOM = 34;

/** Layers of the utilisation chart from below, with their colour class. */
export const LAYERS = ['used', 'idle', 'overhead', 'lost'] as const;

/** Utilisation over time, stacked. */
export function utilizationChart(series: Series, window: Window, capacity: number): string {
  const height = 220;
  const plot = { width: WIDTH - LEFT - RIGHT, height: height - TOP - BOTTOM };
  const steps = series.used.length;
  const x = (step: number): number => LEFT + (step / steps) * plot.width;
  const y = (processors: number): number => TOP + plot.height * (1 - processors / capacity);
  const below = new Array<number>(steps).fill(0);
  const areas = LAYERS.map((layer) => {
    const up: string[] = [];
    const down: string[] = [];
    for (let step = 0; step < steps; step++) {
      const from = below[step] ?? 0;
      const to = Math.min(capacity, from + Math.max(0, series[layer][step] ?? 0));
      below[step] = to;
      up.push(`${px(x(step))},${px(y(to))} ${px(x(step + 1))},${px(y(to))}`);
      down.unshift(`${px(x(step + 1))},${px(y(from))} ${px(x(step))},${px(y(from))}`);
    }
    return `<polygon class="${layer}" points="${[...up, ...down].join(' ')}"/>`;
  });
  const across = [0, 0.25, 0.5, 0.75, 1]
    .map((share) => {
      const at = px(y(capacity * share));
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at}" class="left">${share * 100} %</text>`;
    })
    .join('');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="utilisation over time">${areas.join('')}${across}${timeAxis(window, height)}</svg>`;
}

/** Share of jobs that waited at most so long; the axis is logarithmic from a second on. */
export function waitChart(waits: readonly { label: string; seconds: readonly number[] }[]): string {
  const height = 260;
  const longest = Math.max(10, ...waits.flatMap(({ seconds }) => [seconds.at(-1) ?? 0]));
  const plot = { width: WIDTH - LEFT - RIGHT, height: height - TOP - BOTTOM };
  const x = (seconds: number): number => LEFT + (Math.log10(Math.max(1, seconds)) / Math.log10(longest)) * plot.width;
  const y = (share: number): number => TOP + plot.height * (1 - share);
  const lines = waits.map(({ seconds, label }, index) => {
    const points = Array.from({ length: 201 }, (_, at) => {
      const share = at / 200;
      const wait = seconds[Math.min(seconds.length - 1, Math.floor(share * seconds.length))] ?? 0;
      return `${px(x(wait))},${px(y(share))}`;
    });
    return `<polyline class="line policy${index % 8}" points="${points.join(' ')}"><title>${escaped(label)}</title></polyline>`;
  });
  const marks = [1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800, 2_592_000].filter((seconds) => seconds <= longest);
  const axis = marks
    .map(
      (at) =>
        `<line class="grid" x1="${px(x(at))}" x2="${px(x(at))}" y1="${TOP}" y2="${height - BOTTOM}"/><text class="below" x="${px(x(at))}" y="${height - BOTTOM + 18}">${spoken(at)}</text>`,
    )
    .join('');
  const shares = [0, 0.5, 0.9, 1]
    .map(
      (share) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(y(share))}" y2="${px(y(share))}"/><text class="left" x="${LEFT - 8}" y="${px(y(share))}">${share * 100} %</text>`,
    )
    .join('');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="share of jobs that waited at most so long">${axis}${shares}${lines.join('')}</svg>`;
}

/** Bytes a second by why they move. */
export function trafficChart(traffic: TrafficSeries, window: Window): string {
  const height = 150;
  const most = Math.max(1, ...TRAFFIC.flatMap((kind) => traffic[kind]));
  const y = (rate: number): number => TOP + (height - TOP - BOTTOM) * (1 - rate / most);
  const lines = TRAFFIC.filter((kind) => traffic[kind].some((rate) => rate > 0)).map((kind) => {
    const series = traffic[kind];
    const step = (WIDTH - LEFT - RIGHT) / series.length;
    const points = series.map((rate, at) => {
      const height = px(y(rate));
      return `${px(LEFT + at * step)},${height} ${px(LEFT + (at + 1) * step)},${height}`;
    });
    return `<polyline class="line policy${TRAFFIC.indexOf(kind)}" points="${points.join(' ')}"/>`;
  });
  const across = [0, 0.5, 1]
    .map((share) => {
      const at = px(y(most * share));
      return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 8}" y="${at}" class="left">${mebibytes(most * share)}</text>`;
    })
    .join('');
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="bytes a second over time">${across}${lines.join('')}${timeAxis(window, height)}</svg>`;
}

function mebibytes(bytes: number): string {
  const mib = bytes / 1024 ** 2;
  return mib >= 1_024 ? `${(mib / 1_024).toFixed(1)} GiB` : `${mib.toFixed(mib < 10 ? 1 : 0)} MiB`;
}

/** What the most interrupted jobs did, a row each, and when urgent ones ran. */
export function ganttChart(
  { segments = [] }: Outcome,
  jobs: readonly TraceJob[],
  window: Window,
  rows: number,
): string {
  const pieces = new Map<number, Segment[]>();
  for (const segment of segments) {
    const known = pieces.get(segment.job);
    if (known === undefined) pieces.set(segment.job, [segment]);
    else known.push(segment);
  }
  const shown = [...pieces]
    .filter(([, own]) => own.length > 1)
    .sort(([one, ones], [other, others]) => others.length - ones.length || one - other)
    .slice(0, rows)
    .sort(([one], [other]) => one - other);
  const rowHeight = 14;
  const height = TOP + BOTTOM + shown.length * rowHeight;
  const width = WIDTH - LEFT - RIGHT;
  const x = (seconds: number): number => {
    const share = (seconds - window.fromSeconds) / (window.toSeconds - window.fromSeconds);
    return LEFT + Math.min(1, Math.max(0, share)) * width;
  };
  const bars = shown.map(([index, own], row) => {
    const top = TOP + row * rowHeight;
    const name = escaped(jobs[index]?.id ?? String(index));
    const submitted = jobs[index]?.submitSeconds ?? 0;
    const last = own.reduce((latest, { toSeconds }) => Math.max(latest, toSeconds), submitted);
    const drawn = [...own]
      .sort((one, other) => Number(one.use === 'lost') - Number(other.use === 'lost'))
      .map((segment) => {
        const { use, fromSeconds, toSeconds, processors } = segment;
        const kind = use === 'compute' ? 'used' : use === 'lost' ? 'lost' : 'overhead';
        const wide = Math.max(0.6, x(toSeconds) - x(fromSeconds));
        return `<rect class="${kind}" x="${px(x(fromSeconds))}" y="${top + 2}" width="${px(wide)}" height="${rowHeight - 4}"><title>job ${name}: ${use}, ${processors} processors, ${spoken(toSeconds - fromSeconds)}</title></rect>`;
      });
    return `<line class="wait" x1="${px(x(submitted))}" x2="${px(x(last))}" y1="${top + rowHeight / 2}" y2="${top + rowHeight / 2}"/>${drawn.join('')}<text class="left small" x="${LEFT - 8}" y="${top + rowHeight / 2}">${name.length > 9 ? `…${name.slice(-8)}` : name}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="when the most interrupted jobs ran">${bars.join('')}${timeAxis(window, height)}</svg>`;
}

function timeAxis({ fromSeconds, toSeconds }: Window, height: number): string {
  const span = toSeconds - fromSeconds;
  const unit = span > 3 * 86_400 ? 86_400 : span > 3 * 3_600 ? 3_600 : 60;
  return ticks(span / unit, 8)
    .map((at) => {
      const x = px(LEFT + ((at * unit) / span) * (WIDTH - LEFT - RIGHT));
      return `<text class="below" x="${x}" y="${height - BOTTOM + 18}">${spoken(at * unit)}</text>`;
    })
    .join('');
}
