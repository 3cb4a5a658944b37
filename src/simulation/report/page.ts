import type { Metrics } from '../metrics.ts';
import type { Outcome, Window } from '../outcome.ts';
import { readyTimes } from '../precedence.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { TRAFFIC, type TrafficKind } from '../traffic.ts';
import { ganttChart, LAYERS, trafficChart, utilizationChart, waitChart } from './charts.ts';
import { PAGE_SCRIPT, PAGE_STYLE } from './page-parts.ts';
import { seriesOf } from './series.ts';
import { escaped, spoken } from './svg.ts';

/** Steps of the utilisation chart, and rows of the Gantt chart. */
const STEPS = 240;
const ROWS = 30;
const LAYER_NAMES: Readonly<Record<(typeof LAYERS)[number], string>> = {
  used: 'used',
  idle: 'held but idle',
  overhead: 'overhead: dumps, restores, starts, waiting for the rest of a job',
  lost: 'lost: computed and thrown away',
};

const TRAFFIC_NAMES: Readonly<Record<TrafficKind, string>> = {
  dump: 'dumps',
  restore: 'restores',
  upload: 'uploads to the store',
  fetch: 'fetches from it',
};

/** One point of a sweep, as its page shows it. */
export interface SweepPoint {
  /** What was varied: name → value. */
  readonly settings: Readonly<Record<string, string>>;
  readonly policy: string;
  readonly metrics: Pick<Metrics, 'utilizationAllocated' | 'goodput' | 'lostWork' | 'overhead'> & {
    readonly waitSeconds: { readonly mean: number };
    readonly boundedSlowdown: { readonly mean: number };
  };
}

export interface ReportInput {
  readonly title: string;
  readonly command: string;
  readonly assumptions: readonly (readonly [name: string, value: string])[];
  readonly jobs: readonly TraceJob[];
  readonly window: Window;
  readonly capacityProcessors: number;
  readonly runs: readonly { readonly metrics: Metrics; readonly outcome: Outcome }[];
  /** For the what-if sliders; empty: there are none. */
  readonly sweep: readonly SweepPoint[];
}

/** One page that needs nothing beside itself: no network, no fonts, no scripts but its own. */
export function reportPage(input: ReportInput): string {
  const { title, runs, jobs, window } = input;
  const sections = runs.map(({ metrics, outcome }) => runSection(input, metrics, outcome));
  const waits = runs.map(({ metrics, outcome }) => ({ label: metrics.policy, seconds: waitsOf(jobs, outcome) }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>${PAGE_STYLE}</style></head><body>
<h1>${escaped(title)}</h1>
<p>${jobs.length.toLocaleString('en')} jobs on ${input.capacityProcessors.toLocaleString('en')} processors; shares are of all processors over ${spoken(window.toSeconds - window.fromSeconds)} (${window.fromSeconds} s to ${window.toSeconds} s of the trace). Offered load ${(runs[0]?.metrics.offeredLoad ?? 0).toFixed(3)}.</p>
<h2>Policies</h2>${policyTable(runs.map(({ metrics }) => metrics))}
${whatIf(input.sweep)}
<h2>Waits</h2><p>Share of the jobs that waited at most so long for their first start.</p>
${waitChart(waits)}<p class="legend">${runs.map(({ metrics }, index) => `<span class="key policy${index % 8}"></span>${escaped(metrics.policy)}`).join(' ')}</p>
<h2>Utilisation over time</h2><p class="legend">${LAYERS.map((layer) => `<span class="key ${layer}"></span>${LAYER_NAMES[layer]}`).join(' ')} <span class="key free"></span>free</p>
${sections.join('\n')}
<h2>Assumptions</h2><table class="assumptions">${input.assumptions.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('')}</table>
<h2>Reproduce</h2><pre>${escaped(input.command)}</pre>
<script>${PAGE_SCRIPT}</script></body></html>
`;
}

function runSection({ jobs, window, capacityProcessors }: ReportInput, { policy }: Metrics, outcome: Outcome): string {
  const series = seriesOf(outcome, { jobs, window, capacity: capacityProcessors, steps: STEPS });
  const interruptions = outcome.preemptions + outcome.migrations + outcome.nodeFailures + outcome.sleeps;
  const gantt =
    interruptions === 0
      ? ''
      : `<details open><summary>The most interrupted jobs</summary>${ganttChart(outcome, jobs, window, ROWS)}</details>`;
  return `<section><h3>${escaped(policy)}</h3>${utilizationChart(series, window, capacityProcessors)}${trafficSection(outcome, window)}${gantt}</section>`;
}

function trafficSection({ traffic }: Outcome, window: Window): string {
  const moved = TRAFFIC.filter((kind) => traffic[kind].some((rate) => rate > 0));
  if (moved.length === 0) return '';
  const legend = moved.map((kind) => `<span class="key policy${TRAFFIC.indexOf(kind)}"></span>${TRAFFIC_NAMES[kind]}`);
  return `<details open><summary>Bytes a second, all nodes together: ${legend.join(' ')}</summary>${trafficChart(traffic, window)}</details>`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function policyTable(all: readonly Metrics[]): string {
  const wake = [
    'p95 wake',
    ({ wakeSeconds }: Metrics) => (wakeSeconds === null ? '–' : spoken(wakeSeconds.p95)),
  ] as const;
  const columns: readonly (readonly [string, (metrics: Metrics) => string])[] = [
    ['policy', ({ policy }) => escaped(policy)],
    ['allocated', ({ utilizationAllocated }) => percent(utilizationAllocated)],
    ['used', ({ utilizationUsed }) => percent(utilizationUsed)],
    ['held idle', ({ heldIdle }) => percent(heldIdle)],
    ['goodput', ({ goodput }) => percent(goodput)],
    ['lost', ({ lostWork }) => percent(lostWork)],
    ['overhead', ({ overhead }) => percent(overhead)],
    ['mean wait', ({ waitSeconds }) => spoken(waitSeconds.mean)],
    ['p95 wait', ({ waitSeconds }) => spoken(waitSeconds.p95)],
    ['urgent wait', ({ urgentWaitSeconds }) => (urgentWaitSeconds === null ? '–' : spoken(urgentWaitSeconds.mean))],
    ...(all.some(({ wakeSeconds }) => wakeSeconds !== null) ? [wake] : []),
    ['slowdown', ({ boundedSlowdown }) => boundedSlowdown.mean.toFixed(1)],
    ['preemptions', ({ preemptions }) => preemptions.toLocaleString('en')],
    ['unfinished', ({ unfinished }) => unfinished.toLocaleString('en')],
  ];
  const head = columns.map(([name]) => `<th>${name}</th>`).join('');
  const rows = all.map((metrics) => `<tr>${columns.map(([, of]) => `<td>${of(metrics)}</td>`).join('')}</tr>`);
  return `<table class="policies"><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** Sliders over what a sweep varied; the points are part of the page. */
function whatIf(sweep: readonly SweepPoint[]): string {
  if (sweep.length === 0) return '';
  const all = [...new Set(sweep.flatMap(({ settings }) => Object.keys(settings)))];
  // What has one value has nothing to slide.
  const names = all.filter((name) => new Set(sweep.map(({ settings }) => settings[name])).size > 1);
  const values = names.map((name) => [...new Set(sweep.map(({ settings }) => settings[name] ?? ''))].sort(byNumber));
  const points = sweep.map(({ settings, policy, metrics }) => ({
    at: names.map((name) => settings[name] ?? ''),
    policy,
    cells: [
      percent(metrics.utilizationAllocated),
      percent(metrics.goodput),
      percent(metrics.lostWork),
      percent(metrics.overhead),
      spoken(metrics.waitSeconds.mean),
      metrics.boundedSlowdown.mean.toFixed(1),
    ],
    goodput: metrics.goodput,
  }));
  const data = JSON.stringify({ values, points }).replaceAll('<', '\\u003c');
  const sliders = names.map((name, index) => {
    const last = (values[index]?.length ?? 1) - 1;
    return `<label>${escaped(name)} <input type="range" min="0" max="${last}" value="0" step="1" data-axis="${index}"> <output></output></label>`;
  });
  return `<h2>What if</h2><div id="what-if"><p>${sliders.join(' ')}</p><table class="policies"><thead><tr><th>policy</th><th>allocated</th><th>goodput</th><th>lost</th><th>overhead</th><th>mean wait</th><th>slowdown</th><th></th></tr></thead><tbody></tbody></table></div><script type="application/json" id="sweep">${data}</script>`;
}

function byNumber(one: string, other: string): number {
  const difference = Number(one) - Number(other);
  return Number.isNaN(difference) ? one.localeCompare(other, 'en') : difference;
}

/** Of the jobs that ended, ascending. */
function waitsOf(jobs: readonly TraceJob[], { startSeconds, endSeconds }: Outcome): number[] {
  return [...readyTimes(jobs, endSeconds)]
    .map((at, index) => (startSeconds[index] ?? Number.NaN) - at)
    .filter((wait) => !Number.isNaN(wait))
    .sort((one, other) => one - other);
}
