import { readFile, stat } from 'node:fs/promises';
import { FermataError, type Node, type Pod, reasonOf } from '../../model/index.ts';
import type { WorldNode } from '../world/world.ts';
import { ClusterTrace } from './cluster-trace.ts';
import { linesOf } from './lines.ts';
import { Rejections } from './rejections.ts';
import type { ReadOptions } from './swf.ts';
import type { Trace } from './trace-job.ts';

/** A trace that knows the nodes it came from. */
export interface ClusterSnapshot extends Trace {
  readonly nodes: WorldNode[];
}

/** A line of a recording: what `fermata record` saw of one object. */
export interface RecordedLine {
  /** When it was seen, ms since the epoch. */
  readonly at: number;
  readonly type: 'PUT' | 'DELETE';
  readonly object: Pod | Node;
}

/** Bytes of the longest text that JSON.parse can be given. */
const LONGEST_TEXT = 2 ** 29 - 24;

/**
 * Reads what `kubectl get pods,nodes -A -o json` prints. A pod that runs is taken to have as long to go as it has run; one
 * that never started, or requests no cpu, is rejected (`line` is its place in the list, from 1). @throws `TraceUnreadable`
 */
export async function readKubernetes(path: string, { onRejected, signal }: ReadOptions = {}): Promise<ClusterSnapshot> {
  const rejections = new Rejections(onRejected);
  const trace = new ClusterTrace();
  const places = new Map<string, number>();
  for (const [index, item] of (await itemsOf(path, signal)).entries()) {
    const fault = take(trace, item, undefined);
    if (fault !== undefined) rejections.reject(index + 1, fault);
    else places.set(keyOf(item), index + 1);
  }
  const jobs = trace.jobs((pod, reason) => rejections.reject(places.get(pod) ?? 0, reason, pod));
  return { jobs, nodes: trace.nodes(), rejected: rejections.report(), warnings: [] };
}

/** Reads what `fermata record` wrote: JSON lines, plain or gzip. A last line that was cut off is reported. @throws as above */
export async function readRecording(path: string, { onRejected, signal }: ReadOptions = {}): Promise<ClusterSnapshot> {
  const rejections = new Rejections(onRejected);
  const trace = new ClusterTrace();
  const places = new Map<string, number>();
  for await (const lines of linesOf(path, signal)) {
    for (const { number, text, tooLong } of lines) {
      if (text.trim() === '') continue;
      const line = tooLong === true ? undefined : parsed(text);
      const fault = line === undefined ? 'not a line of a recording' : takeLine(trace, line);
      if (fault !== undefined) rejections.reject(number, fault);
      else if (line !== undefined) places.set(keyOf(line.object), number);
    }
  }
  const jobs = trace.jobs((pod, reason) => rejections.reject(places.get(pod) ?? 0, reason, pod));
  return { jobs, nodes: trace.nodes(), rejected: rejections.report(), warnings: [] };
}

function takeLine(trace: ClusterTrace, { at, type, object }: Partial<RecordedLine>): string | undefined {
  if (typeof at !== 'number' || !Number.isFinite(at) || (type !== 'PUT' && type !== 'DELETE')) {
    return 'not a line of a recording';
  }
  trace.seenAt(at);
  // What nodes there were is what counts, not which of them are left.
  return take(trace, object, type === 'DELETE' ? at : undefined);
}

/** Takes a pod or a node; says what is wrong with anything else. */
function take(trace: ClusterTrace, item: unknown, goneAt: number | undefined): string | undefined {
  if (!isObject(item)) return 'not an object of Kubernetes';
  try {
    if (item.kind === 'Pod') trace.takePod(item as Pod, goneAt);
    else if (item.kind === 'Node') trace.takeNode(item as Node);
    else return 'neither a pod nor a node';
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function isObject(item: unknown): item is Pod | Node {
  if (typeof item !== 'object' || item === null || !('kind' in item) || !('metadata' in item)) return false;
  const { metadata } = item;
  if (typeof metadata !== 'object' || metadata === null) return false;
  if (!('uid' in metadata) || typeof metadata.uid !== 'string') return false;
  if (item.kind !== 'Pod') return true;
  const { spec } = item as { spec?: unknown };
  return typeof spec === 'object' && spec !== null && Array.isArray((spec as { containers?: unknown }).containers);
}

function keyOf(item: unknown): string {
  const { metadata } = item as Pod;
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}

function parsed(text: string): RecordedLine | undefined {
  // A thrown error takes thirty times as long as reading a line: a gigabyte of garbage would take minutes.
  if (!text.startsWith('{') || !text.trimEnd().endsWith('}')) return undefined;
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null ? (line as RecordedLine) : undefined;
  } catch {
    // The caller reports the line with its number.
    return undefined;
  }
}

async function itemsOf(path: string, signal: AbortSignal | undefined): Promise<unknown[]> {
  try {
    if ((await stat(path)).size > LONGEST_TEXT) throw new Error('it is larger than half a gibibyte');
    const list: unknown = JSON.parse(
      await readFile(path, { encoding: 'utf8', ...(signal === undefined ? {} : { signal }) }),
    );
    if (typeof list === 'object' && list !== null && 'items' in list && Array.isArray(list.items)) return list.items;
    throw new Error('it is no List');
  } catch (error) {
    throw new FermataError('TraceUnreadable', `${path} is not what kubectl prints: ${reasonOf(error)}`, {
      cause: error,
      nextStep: 'Write it with: kubectl get pods,nodes -A -o json > FILE',
    });
  }
}
