import type { Stage, Transition } from './stage.ts';

const GLYPHS: Record<Stage, string> = {
  waiting: '·',
  running: '█',
  checkpointing: '▒',
  suspended: '░',
  restoring: '▓',
  finished: ' ',
  gone: ' ',
};

const LEGEND = '· waiting   █ running   ▒ checkpointing   ░ suspended   ▓ restoring';

export interface RenderOptions {
  /** End of the drawing, ms since the epoch. */
  now: number;
  /** Characters a line, at least 60. */
  width: number;
}

interface Span {
  stage: Stage;
  from: number;
  to: number;
}

/**
 * A Gantt chart in text: under each node the workloads that held it, then all of them with what they waited for; time
 * runs to the right.
 */
export function renderTimeline(transitions: readonly Transition[], options: RenderOptions): string {
  if (transitions.length === 0) return 'nothing has run yet\n';
  const start = Math.min(...transitions.map(({ at }) => at));
  const end = Math.max(options.now, start + 1);
  const workloads = group(transitions, ({ workload }) => workload);
  const labelWidth = Math.min(40, Math.max(...[...workloads.keys()].map((name) => name.length + 4), 12));
  const columns = Math.max(20, Math.max(60, options.width) - labelWidth - 2);
  const bar = (spans: readonly Span[]): string => draw(spans, start, end, columns);
  const lines: string[] = [];
  for (const node of nodesOf(transitions)) {
    lines.push(`node ${node}`);
    for (const [workload, own] of workloads) {
      const spans = spansOf(own, end).filter((span) => span.node === node);
      if (spans.length > 0) lines.push(`  ${label(workload, labelWidth - 2)}  ${bar(spans)}`);
    }
  }
  lines.push('no node');
  for (const [workload, own] of workloads) {
    const spans = spansOf(own, end).filter((span) => span.node === undefined);
    if (spans.length > 0) lines.push(`  ${label(workload, labelWidth - 2)}  ${bar(spans)}`);
  }
  if (lines.at(-1) === 'no node') lines.pop();
  lines.push(`${' '.repeat(labelWidth)}  ${axis(end - start, columns)}`, LEGEND);
  return `${lines.join('\n')}\n`;
}

function spansOf(transitions: readonly Transition[], end: number): (Span & { node: string | undefined })[] {
  return transitions
    .map(({ stage, at, node }, index) => ({ stage, node, from: at, to: transitions[index + 1]?.at ?? end }))
    .filter(({ stage }) => stage !== 'finished' && stage !== 'gone');
}

/** Each column shows the stage that held longest in it; a dump shorter than a column still shows. */
function draw(spans: readonly Span[], start: number, end: number, columns: number): string {
  const perColumn = (end - start) / columns;
  let text = '';
  for (let column = 0; column < columns; column++) {
    const from = start + column * perColumn;
    let best: Stage | undefined;
    let bestShare = 0;
    for (const span of spans) {
      const overlap = Math.min(span.to, from + perColumn) - Math.max(span.from, from);
      const short = span.stage === 'checkpointing' || span.stage === 'restoring';
      const share = overlap * (short ? 1_000 : 1);
      if (overlap >= 0 && share > bestShare) {
        best = span.stage;
        bestShare = share;
      }
    }
    text += best === undefined ? ' ' : GLYPHS[best];
  }
  return text.trimEnd();
}

function axis(duration: number, columns: number): string {
  const last = `${formatSeconds(duration)}`;
  return `0${' '.repeat(Math.max(1, columns - 1 - last.length))}${last}`;
}

function formatSeconds(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

function label(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;
}

function nodesOf(transitions: readonly Transition[]): string[] {
  return [...new Set(transitions.map(({ node }) => node).filter((node) => node !== undefined))].sort();
}

function group<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
