import type { KubeEvent } from '../core.ts';
import { ageOf, column, NAME_COLUMN, type PrinterColumn, wideColumn } from './column.ts';

export const EVENT_COLUMNS: readonly PrinterColumn<KubeEvent>[] = [
  column('Last Seen', 'When it happened last.', lastSeen),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'What happened, in one word.', ({ reason }) => reason ?? ''),
  column('Object', 'What it happened to.', ({ involvedObject: { kind, name } }) =>
    [kind?.toLowerCase() ?? '', ...(name === undefined || name === '' ? [] : [name])].join('/'),
  ),
  wideColumn('Subobject', 'Which part of it.', ({ involvedObject }) => involvedObject.fieldPath ?? ''),
  wideColumn('Source', 'Who says so.', sourceOf),
  column('Message', 'What happened, in a sentence.', ({ message }) => (message ?? '').trim()),
  wideColumn('First Seen', 'When it happened first.', firstSeen),
  wideColumn('Count', 'How often it happened.', ({ series, count }) => series?.count ?? (count || 1), {
    type: 'integer',
  }),
  { ...NAME_COLUMN, priority: 1 },
];

function firstSeen({ firstTimestamp, eventTime }: KubeEvent, now: number): string {
  return ageOf(firstTimestamp ?? eventTime, now);
}

function lastSeen(event: KubeEvent, now: number): string {
  if (event.series !== undefined && event.series !== null) return ageOf(event.series.lastObservedTime, now);
  return event.lastTimestamp === undefined || event.lastTimestamp === null
    ? firstSeen(event, now)
    : ageOf(event.lastTimestamp, now);
}

function sourceOf({ source, reportingComponent, reportingInstance }: KubeEvent): string {
  const component = source?.component || reportingComponent;
  return [component, source?.host || reportingInstance].filter((part) => part !== undefined && part !== '').join(', ');
}
