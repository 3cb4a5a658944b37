import type { Condition, KubeObject, Pod, PodCheckpoint, PodGroup } from '../../model/index.ts';
import type { ApiEntry, HistoryEntry, NodeInventory, PhaseEntry, ProcessEntry } from '../history.ts';
import { Judge } from './judge.ts';

/** A hand-written history for the judge's tests, told step by step; one second passes with each. */
export class HistoryStory {
  readonly entries: HistoryEntry[] = [];
  #at = Date.UTC(2026, 0, 1);
  #revision = 0;
  readonly #objects = new Map<string, KubeObject>();

  pass(milliseconds: number): this {
    this.#at += milliseconds;
    return this;
  }

  node(name: string, cpu = '1', more: { unschedulable?: boolean } = {}): this {
    this.#add({ kind: 'node', node: name, what: 'added' });
    return this.write('user', '/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: this.#metadata(name),
      spec: more,
      status: {
        allocatable: { cpu, memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    } as KubeObject);
  }

  /** Creates or changes a pod; what is not given stays. */
  pod(name: string, change: PodChange = {}, by = 'user'): this {
    const uid = change.uid ?? `uid-${name}`;
    const before = this.#objects.get(`/pods ${uid}`) as Pod | undefined;
    const annotations = { ...before?.metadata.annotations, ...change.annotations };
    return this.write(by, '/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...(before?.metadata ?? { ...this.#metadata(name, uid), namespace: 'team' }),
        annotations,
        labels: { ...before?.metadata.labels, ...change.labels },
        ...(change.deleting === true ? { deletionTimestamp: 'now' } : {}),
      },
      spec: {
        ...before?.spec,
        containers: [{ name: 'main', resources: { requests: { cpu: change.cpu ?? '1' } } }],
        restartPolicy: change.restartPolicy ?? before?.spec.restartPolicy ?? 'Never',
        ...(change.node === undefined ? {} : { nodeName: change.node }),
      },
      status: { ...before?.status, ...(change.phase === undefined ? {} : { phase: change.phase }) },
    } as Pod);
  }

  podGroup(name: string, minMember: number): this {
    return this.write('user', 'scheduling.x-k8s.io/podgroups', {
      apiVersion: 'scheduling.x-k8s.io/v1alpha1',
      kind: 'PodGroup',
      metadata: { ...this.#metadata(name), namespace: 'team' },
      spec: { minMember },
    } as PodGroup);
  }

  /** Creates or changes the checkpoint of the pod `victim`. */
  checkpoint(uid: string, change: CheckpointChange = {}, by = 'node/n1#1'): this {
    const before = this.#objects.get(`fermata.dev/podcheckpoints ${uid}`) as PodCheckpoint | undefined;
    const conditions = new Map((before?.status?.conditions ?? []).map((one) => [one.type, one]));
    for (const one of change.conditions ?? []) conditions.set(one.type, one);
    return this.write(by, 'fermata.dev/podcheckpoints', {
      apiVersion: 'fermata.dev/v1alpha1',
      kind: 'PodCheckpoint',
      metadata: {
        ...(before?.metadata ?? { ...this.#metadata(uid, uid), namespace: 'team' }),
        ...(change.deleting === true ? { deletionTimestamp: 'now' } : {}),
      },
      spec: before?.spec ?? {
        sourcePod: { name: 'victim', uid: change.source ?? 'uid-victim' },
        postCheckpointState: change.leaveRunning === true ? 'Running' : 'Stopped',
        restore: change.restore ?? 'Automatic',
        preemptor: { namespace: 'team', name: 'urgent', uid: 'uid-urgent' },
      },
      status: {
        nodeName: 'n1',
        sourcePodUID: change.source ?? before?.status?.sourcePodUID ?? 'uid-victim',
        conditions: [...conditions.values()],
        ...(change.failures === undefined ? {} : { restoration: { podName: 'victim', failures: change.failures } }),
      },
    } as PodCheckpoint);
  }

  write(by: string, collection: string, object: KubeObject): this {
    const id = `${collection} ${object.metadata.uid}`;
    const previous = this.#objects.get(id);
    this.#objects.set(id, object);
    this.#api(by, collection, previous === undefined ? 'ADDED' : 'MODIFIED', object, previous);
    return this;
  }

  gone(collection: string, uid: string, by = 'user'): this {
    const object = this.#objects.get(`${collection} ${uid}`);
    if (object === undefined) throw new Error(`the story has no ${collection} ${uid}`);
    this.#objects.delete(`${collection} ${uid}`);
    this.#api(by, collection, 'DELETED', object, object);
    return this;
  }

  process(fact: ProcessEntry['fact'], step: number, more: ProcessChange = {}): this {
    const { pod = 'victim', checkpoint, node = 'n1', workload = 'team/victim', ...rest } = more;
    this.#add({
      kind: 'process',
      fact,
      node,
      namespace: 'team',
      pod,
      podUid: rest.uid ?? `uid-${pod}`,
      container: 'main',
      workload,
      step,
      ...(checkpoint === undefined ? {} : { directory: `/nodes/${node}/checkpoints/team_c_${checkpoint}` }),
      ...(rest.leaveRunning === undefined ? {} : { leaveRunning: rest.leaveRunning }),
      ...(rest.reason === undefined ? {} : { reason: rest.reason, exitCode: rest.exitCode ?? 137 }),
    });
    return this;
  }

  output(first: number, last: number, uid = 'uid-victim', node = 'n1'): this {
    this.#add({ kind: 'output', workload: 'team/victim', node, podUid: uid, container: 'main', first, last });
    return this;
  }

  fault(fault: string, more: { podUid?: string; checkpoint?: string; node?: string; directory?: string } = {}): this {
    const { podUid, checkpoint, node = 'n1', directory } = more;
    this.#add({
      kind: 'fault',
      fault,
      target: '',
      node,
      ...(podUid === undefined ? {} : { podUid }),
      ...(directory === undefined ? {} : { directory }),
      ...(checkpoint === undefined ? {} : { directory: `/nodes/${node}/checkpoints/team_c_${checkpoint}` }),
    });
    return this;
  }

  machine(node: string, what: 'powerFailed' | 'lost'): this {
    this.#add({ kind: 'node', node, what });
    return this;
  }

  component(component: string, incarnation: number, what: 'started' | 'crashed'): this {
    this.#add({ kind: 'component', component, incarnation, what });
    return this;
  }

  /** The last chapter: an inventory, at `settled` unless told otherwise. */
  end(
    nodes: Partial<NodeInventory>[] = [],
    phase: PhaseEntry['phase'] = 'settled',
    alarms = 0,
    archives?: string[],
  ): this {
    this.pass(3_600_000);
    this.#add({ kind: 'phase', phase });
    const whole = nodes.map((one) => ({ node: 'n1', pods: [], checkpoints: [], volumes: [], journal: [], ...one }));
    const store = archives === undefined ? {} : { archives };
    this.#add({ kind: 'inventory', nodes: whole, ...store, alarms, unstopped: [] });
    return this;
  }

  /** Up to the moment in which `victim` runs on `n1` at the step. */
  running(step: number): this {
    this.node('n1').pod('victim').pod('victim', { node: 'n1' }, 'scheduler#1').process('started', 0);
    return step === 0
      ? this
      : this.process('frozen', step, { checkpoint: 'probe', leaveRunning: true })
          .output(1, step)
          .process('thawed', step);
  }

  /** Up to the moment in which checkpoint `c1` holds `victim`, stopped at the step. */
  suspended(step: number): this {
    return this.running(0)
      .checkpoint('c1', { conditions: [IN_PROGRESS] })
      .process('frozen', step, { checkpoint: 'c1' })
      .output(1, step)
      .process('dumped', step, { checkpoint: 'c1' })
      .checkpoint('c1', { conditions: [READY] });
  }

  /** Then its pod goes, and the next incarnation `again` waits for it, bound to `n1`. */
  released(): this {
    return this.pod('victim', { deleting: true }, 'controller#1')
      .process('removed', 0)
      .gone('/pods', 'uid-victim', 'node/n1#1')
      .checkpoint('c1', { conditions: [RELEASED] })
      .pod('victim', { uid: 'again', annotations: { 'fermata.dev/restore-from': 'c1' } }, 'controller#1')
      .pod('victim', { uid: 'again', node: 'n1' }, 'scheduler#1');
  }

  /** The invariants that the judge finds broken, each once, in the order found. */
  broken(): (number | 'liveness')[] {
    return [...new Set(this.verdicts().map(({ invariant }) => invariant))];
  }

  verdicts() {
    const judge = new Judge();
    for (const entry of this.entries) judge.observe(entry);
    return judge.violations();
  }

  #api(
    by: string,
    collection: string,
    type: ApiEntry['type'],
    object: KubeObject,
    previous: KubeObject | undefined,
  ): void {
    const { namespace, name } = object.metadata;
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    this.#add({ kind: 'api', revision: ++this.#revision, type, collection, key, object, previous, by });
  }

  #add(entry: Untimed<HistoryEntry>): void {
    this.entries.push({ ...entry, at: this.#at } as HistoryEntry);
    this.#at += 1_000;
  }

  #metadata(name: string, uid = `uid-${name}`) {
    return { name, uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  }
}

export const IN_PROGRESS = condition('Ready', 'False', 'CheckpointInProgress');
export const READY = condition('Ready', 'True', 'CheckpointCompleted');
export const FAILED = condition('Ready', 'False', 'CheckpointFailed');
export const RELEASED = condition('Released', 'True', 'PodGone');
export const STORED = condition('Stored', 'True', 'Verified');
export const RESTORED = condition('Restored', 'True', 'Restored');

interface PodChange {
  uid?: string;
  node?: string;
  cpu?: string;
  phase?: string;
  restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  deleting?: boolean;
}

interface CheckpointChange {
  /** How many restores from it have failed. */
  failures?: number;
  conditions?: Condition[];
  source?: string;
  leaveRunning?: boolean;
  restore?: 'Automatic' | 'Manual' | 'Never';
  deleting?: boolean;
}

interface ProcessChange {
  pod?: string;
  uid?: string;
  node?: string;
  workload?: string;
  checkpoint?: string;
  leaveRunning?: boolean;
  reason?: 'finished' | 'OOMKilled' | 'killed';
  exitCode?: number;
}

type Untimed<T> = T extends { at: number } ? Omit<T, 'at'> : never;

function condition(type: string, status: 'True' | 'False', reason: string): Condition {
  return { type, status, reason };
}
