import { conditionOf, type KubeObject, type Pod, type PodCheckpoint } from '../model/index.ts';
import { LiveTimeline, renderTimeline } from '../timeline/index.ts';
import type { HistoryEntry, Violation } from './history.ts';

/** More lines than anybody reads. */
const MOST_LINES = 400;
/** What happens long after a promise was broken does not tell why, ms. */
const AFTER_MILLISECONDS = 60_000;

/** What happened to the workloads that a violation is about, in words and as a drawing. Feed it every entry. */
export class Story {
  readonly #names: readonly string[];
  readonly #uids = new Set<string>();
  readonly #nodes = new Set<string>();
  readonly #lines: string[] = [];
  readonly #timeline = new LiveTimeline();
  readonly #until: number;
  #last = 0;

  constructor(violations: readonly Violation[]) {
    this.#until = Math.max(...violations.map(({ at }) => at)) + AFTER_MILLISECONDS;
    const text = violations.map(({ subject, message }) => `${subject} ${message}`).join(' ');
    const workloads = text.match(/\bw\d+-[a-z]+/g) ?? [];
    this.#names = [...new Set(workloads)];
    for (const node of text.match(/\bn\d+\b/g) ?? []) this.#nodes.add(node);
  }

  observe(entry: HistoryEntry): void {
    if (entry.at > this.#until) return;
    this.#last = entry.at;
    if (entry.kind === 'api') this.#draw(entry.collection, entry.type, entry.object, entry.at);
    if (!this.#concerns(entry)) return;
    const text = describe(entry);
    if (text !== undefined) this.#lines.push(`${timeOf(entry.at)}  ${text}`);
  }

  /** The last lines, should there be too many. */
  get lines(): readonly string[] {
    return this.#lines.slice(-MOST_LINES);
  }

  timeline(width: number): string {
    const transitions = this.#timeline.transitions.filter(({ workload }) => this.#isNamed(workload));
    return renderTimeline(transitions, { now: this.#last, width });
  }

  #draw(collection: string, type: string, object: KubeObject, at: number): void {
    if (collection === '/pods') {
      if (type === 'DELETED') this.#timeline.podDeleted(object as Pod, at);
      else this.#timeline.podChanged(object as Pod, at);
    } else if (collection === 'fermata.dev/podcheckpoints') {
      this.#timeline.checkpointChanged(object as PodCheckpoint, at);
    }
  }

  #isNamed(text: string): boolean {
    return this.#names.some((name) => text.includes(name));
  }

  #concerns(entry: HistoryEntry): boolean {
    switch (entry.kind) {
      case 'api': {
        if (!this.#isNamed(entry.key)) return false;
        const { uid } = entry.object.metadata;
        this.#uids.add(uid);
        const node = (entry.object as Pod).spec?.nodeName;
        if (entry.collection === '/pods' && node !== undefined) this.#nodes.add(node);
        return true;
      }
      case 'process':
        return this.#isNamed(entry.pod);
      case 'output':
        return this.#isNamed(entry.workload);
      case 'fault':
        return (
          this.#isNamed(entry.target) ||
          this.#isNamed(entry.directory ?? '') ||
          (entry.podUid !== undefined && this.#uids.has(entry.podUid))
        );
      case 'fetch':
        return this.#isNamed(entry.directory);
      case 'component':
        return !entry.component.startsWith('node/') || this.#nodes.has(entry.component.slice('node/'.length));
      case 'node':
        return this.#nodes.has(entry.node);
      case 'user':
        return this.#isNamed(entry.target) || this.#nodes.has(entry.target);
      case 'phase':
        return true;
      case 'inventory':
        return false;
    }
  }
}

/** One line for people. */
export function describe(entry: HistoryEntry): string | undefined {
  switch (entry.kind) {
    case 'api':
      return `${entry.type.padEnd(8)} ${describeObject(entry.collection, entry.key, entry.object)}  [${entry.by}]`;
    case 'process': {
      const why = entry.fact === 'ended' ? ` ${entry.reason} (${entry.exitCode})` : '';
      const where =
        entry.directory === undefined ? '' : ` ${entry.directory.slice(entry.directory.lastIndexOf('/') + 1)}`;
      return `  process ${entry.fact}${why} at step ${entry.step}: ${entry.pod}/${entry.container} on ${entry.node}${where}`;
    }
    case 'output':
      return `  wrote steps ${entry.first} to ${entry.last}: ${entry.workload}/${entry.container}`;
    case 'fault':
      return `  fault ${entry.fault}: ${entry.target}${entry.node === undefined ? '' : ` on ${entry.node}`}`;
    case 'fetch':
      return `  fetched ${entry.directory} on ${entry.node} from ${entry.from}`;
    case 'component':
      return `  ${entry.component}#${entry.incarnation} ${entry.what}`;
    case 'node':
      return `  node ${entry.node} ${entry.what}`;
    case 'user':
      return `user: ${entry.action} ${entry.target}: ${entry.outcome}`;
    case 'phase':
      return `-- ${entry.phase} --`;
    case 'inventory':
      return undefined;
  }
}

function describeObject(collection: string, key: string, object: KubeObject): string {
  const uid = object.metadata.uid.slice(0, 8);
  const deleting = object.metadata.deletionTimestamp === undefined ? '' : ' being deleted';
  if (collection === '/pods') {
    const { spec, status } = object as Pod;
    const where =
      spec.nodeName ?? (status?.nominatedNodeName === undefined ? 'no node' : `to ${status.nominatedNodeName}`);
    const gates = (spec.schedulingGates ?? []).map(({ name }) => ` gate ${name}`).join('');
    const states = (status?.containerStatuses ?? []).map(({ name, state }) => {
      const reason = state?.waiting?.reason ?? state?.terminated?.reason;
      return ` ${name}:${Object.keys(state ?? {})[0] ?? '?'}${reason === undefined ? '' : `(${reason})`}`;
    });
    return `pod ${key} ${uid} ${status?.phase ?? ''} on ${where}${states.join('')}${gates}${deleting}`;
  }
  if (collection === 'fermata.dev/podcheckpoints') {
    const { spec, status } = object as PodCheckpoint;
    const conditions = (status?.conditions ?? []).map(({ type, reason }) => ` ${type}:${reason}`).join('');
    const failure = conditionOf(status?.conditions, 'Ready');
    const why = failure?.status === 'False' ? ` (${failure.message?.slice(0, 100)})` : '';
    return `checkpoint ${key} ${uid} ${spec.postCheckpointState} ${spec.reason}${conditions}${why}${deleting}`;
  }
  return `${collection} ${key}`;
}

function timeOf(at: number): string {
  const text = new Date(at).toISOString();
  return `${text.slice(8, 10)}d ${text.slice(11, 23)}`;
}
