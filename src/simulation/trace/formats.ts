import type { WorldNode } from '../world/world.ts';
import { readGoogleTaskEvents } from './google.ts';
import { readKubernetes, readRecording } from './kubernetes.ts';
import { readOpenbPods } from './openb.ts';
import { readPhilly } from './philly.ts';
import { type ReadOptions, readSwf } from './swf.ts';
import type { Trace } from './trace-job.ts';

type Reader = (path: string, options?: ReadOptions) => Promise<Trace & { readonly nodes?: WorldNode[] }>;

/** Traces that can be read, by the name of their format. */
export const TRACE_FORMATS: Readonly<
  Record<'swf' | 'openb' | 'philly' | 'google' | 'kubernetes' | 'recording', Reader>
> = {
  swf: readSwf,
  openb: readOpenbPods,
  philly: readPhilly,
  google: readGoogleTaskEvents,
  kubernetes: readKubernetes,
  recording: readRecording,
};

export type TraceFormat = keyof typeof TRACE_FORMATS;

/** What a file most likely is, by its name. */
export function formatOf(path: string): TraceFormat {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  if (name.endsWith('.swf')) return 'swf';
  if (name.endsWith('.jsonl')) return 'recording';
  if (name.endsWith('.json')) return 'kubernetes';
  if (name.endsWith('.csv') && name.includes('openb')) return 'openb';
  if (name.endsWith('.csv') && name.includes('philly')) return 'philly';
  if (name.endsWith('.csv') && (name.includes('task_events') || name.includes('part-'))) return 'google';
  return 'swf';
}
