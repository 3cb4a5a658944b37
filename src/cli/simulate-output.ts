import type { Metrics, Outcome, Trace, TraceJob } from '../simulation/index.ts';
import { table } from './output.ts';

/** Rejected lines that are shown one by one. */
const REJECTIONS_SHOWN = 5;

/** What the reader could not use, for standard error. */
export function remarks({ rejected, warnings }: Trace): string {
  const lines = warnings.map((warning) => `${warning}\n`);
  if (rejected.count > 0) {
    lines.push(`${rejected.count} lines of the trace were rejected:\n`);
    for (const [kind, count] of Object.entries(rejected.byKind)) lines.push(`  ${count} × ${kind}\n`);
    for (const { line, reason } of rejected.first.slice(0, REJECTIONS_SHOWN)) lines.push(`  line ${line}: ${reason}\n`);
    if (rejected.count > REJECTIONS_SHOWN) lines.push('  … (all of them: --rejected FILE)\n');
  }
  return lines.join('');
}

/** Which jobs the world has no room for, under whichever policy found so. */
export function refusals(jobs: readonly TraceJob[], outcomes: readonly Outcome[]): string {
  const refused = new Map(outcomes.flatMap(({ rejected }) => [...rejected]));
  if (refused.size === 0) return '';
  const shown = [...refused].slice(0, REJECTIONS_SHOWN);
  const lines = shown.map(([index, reason]) => `  job ${jobs[index]?.id ?? index}: ${reason}\n`);
  const more = refused.size > REJECTIONS_SHOWN ? '  …\n' : '';
  return `${refused.size} jobs were rejected, as they would never fit:\n${lines.join('')}${more}`;
}

export function renderMetrics(results: readonly Metrics[], format: 'json' | 'csv' | undefined): string {
  if (format === 'json') return `${JSON.stringify(results, undefined, 2)}\n`;
  if (format === 'csv') return csv(results);
  const percent = (share: number): string => (share * 100).toFixed(1);
  const [first] = results;
  const { fromSeconds, toSeconds } = first?.window ?? { fromSeconds: 0, toSeconds: 0 };
  const heading = `${first?.jobs ?? 0} jobs, ${first?.rejected ?? 0} rejected; shares of ${first?.capacityProcessors ?? 0} processors from ${fromSeconds} s to ${toSeconds} s; offered load ${(first?.offeredLoad ?? 0).toFixed(3)}\n`;
  return (
    heading +
    table(
      [
        'POLICY',
        'ALLOCATED %',
        'USED %',
        'GOODPUT %',
        'LOST %',
        'OVERHEAD %',
        'MEAN WAIT S',
        'P95 WAIT S',
        'URGENT WAIT S',
        'SLOWDOWN',
        'PREEMPTIONS',
        'UNFINISHED',
      ],
      results.map((one) => [
        one.policy,
        percent(one.utilizationAllocated),
        percent(one.utilizationUsed),
        percent(one.goodput),
        percent(one.lostWork),
        percent(one.overhead),
        one.waitSeconds.mean.toFixed(0),
        one.waitSeconds.p95.toFixed(0),
        one.urgentWaitSeconds?.mean.toFixed(0) ?? '-',
        one.boundedSlowdown.mean.toFixed(1),
        String(one.preemptions),
        String(one.unfinished),
      ]),
    )
  );
}

/** One line a policy; nested values get names with dots, series stand in one cell. */
function csv(results: readonly object[]): string {
  const rows = results.map((one) => flatten(one, ''));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [columns.join(','), ...rows.map((row) => columns.map((column) => quoted(row[column] ?? '')).join(','))]
    .join('\n')
    .concat('\n');
}

function flatten(value: object, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]): [string, string][] =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.entries(flatten(inner, `${prefix}${name}.`))
        : [[`${prefix}${name}`, inner === null ? '' : Array.isArray(inner) ? inner.join(' ') : String(inner)]],
    ),
  );
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
