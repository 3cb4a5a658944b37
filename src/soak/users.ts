import { rfc3339 } from '../clock/index.ts';
import { checkpointName } from '../controllers/index.ts';
import { ApiError, isApiError, type Registry } from '../kubernetes/index.ts';
import {
  isConditionTrue,
  NODES,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  POD_GROUPS,
  PODS,
  type Pod,
  type PodCheckpoint,
  SUSPENDED_GATE,
  WORKLOAD_LABEL,
  withCondition,
  workloadLabel,
} from '../model/index.ts';
import { podGroupOf } from './gang-plan.ts';
import type { UserEntry } from './history.ts';
import type { Surroundings } from './surroundings.ts';
import type { PlannedWorkload } from './workload.ts';

/** On pods that are checkpointed together. */
const GROUP_LABEL = 'soak.fermata.dev/group';
/** How soon somebody tries again who was told that the server is away. */
const RETRY_MILLISECONDS = 30_000;

/** The people: they use the API as kubectl and the fermata command do, over a good connection. */
export class Users {
  readonly #world: Surroundings;

  #stopped = false;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** No more workloads from now on. */
  stop(): void {
    this.#stopped = true;
  }

  /** Submits the workload at its time, and does to it what is planned. */
  adopt(workload: PlannedWorkload): void {
    const { alarms } = this.#world;
    const submit = (): void => {
      if (this.#stopped) return;
      this.#do(
        'submit',
        nameOf(workload),
        async (registry) => {
          await createGang(registry, workload);
          return registry.create(PODS, workload.pod);
        },
        (outcome) => {
          if (outcome === 'ServiceUnavailable') {
            alarms.after(RETRY_MILLISECONDS, submit);
            return;
          }
          for (const { action, after } of workload.actions) alarms.after(after, () => this.#act(action, workload));
        },
      );
    };
    alarms.after(workload.arrival, submit);
  }

  /** Looks whether the workload is over, and if so clears it away, with the copies that were made of it by hand. */
  clear(workload: PlannedWorkload): void {
    this.#do('clear', nameOf(workload), async (registry) => {
      const { namespace, name } = keyOf(workload);
      const pods = await registry.list(PODS, { namespace, fieldSelector: `metadata.name=${name}` });
      if (pods.items.some((pod) => !isOver(pod))) return;
      for (const { metadata } of pods.items) {
        await ignoreNotFound(registry.delete(PODS, { namespace, name }, { uid: metadata.uid }));
      }
      await this.#deleteManual(registry, workload);
    });
  }

  /** Has seen enough of a workload that ends again and again: takes it away, whatever it is doing. */
  abandon(workload: PlannedWorkload): void {
    this.#act('delete', workload);
  }

  cordon(node: string, unschedulable: boolean): void {
    this.#do(unschedulable ? 'cordon' : 'uncordon', node, (registry) =>
      registry.patch(NODES, { name: node }, { spec: { unschedulable: unschedulable ? true : null } }),
    );
  }

  /** Everything on the node is checkpointed, to be restored elsewhere, or evicted where that is not possible. */
  drain(node: string, how: 'checkpoint' | 'evict'): void {
    this.cordon(node, true);
    this.#do('drain', node, async (registry) => {
      const pods = await registry.list(PODS, { fieldSelector: `spec.nodeName=${node}` });
      for (const pod of pods.items) {
        if (pod.metadata.deletionTimestamp !== undefined || isOver(pod)) continue;
        if (how === 'evict' || pod.status?.phase !== 'Running') await ignoreRefusal(registry.evict(pod.metadata));
        else await createCheckpoint(registry, pod, { stop: true, reason: 'Drain', restore: 'Automatic' });
      }
    });
  }

  /** A node that is gone for good: its object goes, and its pods' objects, which nobody else would let go. */
  removeNode(node: string): void {
    this.#do('forceDelete', node, async (registry) => {
      await ignoreNotFound(registry.delete(NODES, { name: node }));
      await this.#removePodsOf(registry, node, 0);
    });
  }

  /** The node has not been heard of for long: its pods are given up, `forced` without hearing that they are gone. */
  giveUp(node: string, forced: boolean): void {
    this.#do(forced ? 'forceDelete' : 'delete', node, (registry) =>
      this.#removePodsOf(registry, node, forced ? 0 : undefined),
    );
  }

  async #removePodsOf(registry: Registry, node: string, gracePeriodSeconds: number | undefined): Promise<void> {
    const pods = await registry.list(PODS, { fieldSelector: `spec.nodeName=${node}` });
    for (const { metadata, status } of pods.items) {
      const { namespace, name, uid } = metadata;
      // As the taint manager and the pod garbage collector do: nobody gave these pods up, their node did (KEP-3329).
      const reason = gracePeriodSeconds === 0 ? 'DeletionByPodGC' : 'DeletionByTaintManager';
      const conditions = withCondition(
        status?.conditions,
        { type: 'DisruptionTarget', status: 'True', reason, message: `node ${node} is given up` },
        rfc3339(this.#world.clock.now()),
      );
      const patch = { metadata: { uid }, status: { conditions } };
      await ignoreNotFound(registry.patch(PODS, { namespace, name }, patch, { subresource: 'status' }));
      const options = { uid, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) };
      await ignoreNotFound(registry.delete(PODS, { namespace, name }, options));
      this.#record(gracePeriodSeconds === 0 ? 'forceDelete' : 'delete', `${namespace}/${name}`, 'done');
    }
  }

  #act(action: PlannedWorkload['actions'][number]['action'], workload: PlannedWorkload): void {
    this.#do(action, nameOf(workload), async (registry) => {
      const key = keyOf(workload);
      switch (action) {
        case 'delete':
          await registry.delete(PODS, key);
          return;
        case 'checkpoint':
          await createCheckpoint(registry, await running(registry, key), {
            stop: false,
            reason: 'Manual',
            restore: 'Never',
          });
          return;
        case 'suspend':
          await createCheckpoint(registry, await running(registry, key), {
            stop: true,
            reason: 'Manual',
            restore: 'Manual',
          });
          return;
        case 'resume':
          await resume(registry, key);
          return;
        case 'edit': {
          const walltime = { annotations: { 'fermata.dev/walltime': '3h', 'soak.fermata.dev/note': 'edited' } };
          await registry.patch(PODS, key, { metadata: { ...walltime, labels: { policy: 'never' } } });
          return;
        }
        case 'checkpointGroup':
        case 'stopGroup':
          await createGroupCheckpoint(registry, await running(registry, key), action === 'stopGroup');
          return;
        case 'deleteCheckpoint':
          await deleteOneCheckpoint(registry, workload);
      }
    });
  }

  async #deleteManual(registry: Registry, workload: PlannedWorkload): Promise<void> {
    for (const { metadata, spec } of await checkpointsOf(registry, workload)) {
      if (spec.reason !== 'Manual' || metadata.deletionTimestamp !== undefined) continue;
      await ignoreNotFound(registry.delete(POD_CHECKPOINTS, { namespace: metadata.namespace, name: metadata.name }));
      this.#record('deleteCheckpoint', `${metadata.namespace}/${metadata.name}`, 'done');
    }
  }

  #do(
    action: UserEntry['action'],
    target: string,
    act: (registry: Registry) => Promise<unknown>,
    then: (outcome: string) => void = () => undefined,
  ): void {
    const { api, recorder } = this.#world;
    const end = (outcome: string): void => {
      this.#record(action, target, outcome);
      then(outcome);
    };
    const work = async (): Promise<void> => {
      await act(api.reach());
    };
    recorder.attributed('user', work).then(
      () => end('done'),
      (error: unknown) => {
        if (!isApiError(error)) throw error;
        end(error.reason);
      },
    );
  }

  #record(action: UserEntry['action'], target: string, outcome: string): void {
    this.#world.recorder.add({ kind: 'user', action, target, outcome });
  }
}

export function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function nameOf({ namespace, pod }: PlannedWorkload): string {
  return `${namespace}/${pod.metadata.name}`;
}

function keyOf({ namespace, pod }: PlannedWorkload): { namespace: string; name: string } {
  return { namespace, name: pod.metadata.name ?? '' };
}

/** The command refuses what does not run. */
async function running(registry: Registry, key: { namespace: string; name: string }): Promise<Pod> {
  const pod = await registry.get(PODS, key);
  if (pod.status?.phase === 'Running') return pod;
  throw new ApiError('Invalid', `pod ${key.name} is not running: only a running pod can be checkpointed`);
}

/** As `fermata checkpoint`, `fermata suspend` and a drain do. */
async function createCheckpoint(
  registry: Registry,
  pod: Pod,
  how: { stop: boolean; reason: 'Manual' | 'Drain'; restore: 'Automatic' | 'Manual' | 'Never' },
): Promise<void> {
  for (let number = 1; ; number++) {
    try {
      await registry.create(POD_CHECKPOINTS, {
        metadata: {
          name: checkpointName(pod.metadata, number),
          namespace: pod.metadata.namespace ?? 'default',
          labels: { [WORKLOAD_LABEL]: workloadLabel(pod) },
        },
        spec: {
          sourcePod: { name: pod.metadata.name, uid: pod.metadata.uid },
          postCheckpointState: how.stop ? 'Stopped' : 'Running',
          reason: how.reason,
          ...(how.stop ? { restore: how.restore } : {}),
        },
      });
      return;
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}

/** The PodGroup of its job, if it has one and is the first. */
async function createGang(registry: Registry, { namespace, pod, gang }: PlannedWorkload): Promise<void> {
  const group = podGroupOf(pod, gang);
  if (group === undefined) return;
  try {
    await registry.create(POD_GROUPS, { metadata: { name: group.name, namespace }, spec: group.spec });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
  }
}

/** Most pods of one group, itself included. */
const GROUP_SIZE = 4;

/** As `fermata checkpoint -l` does, of pods that somebody has labelled before: this one and some that run beside it. */
async function createGroupCheckpoint(registry: Registry, pod: Pod, stop: boolean): Promise<void> {
  const { namespace = 'default', name, uid } = pod.metadata;
  const pods = await registry.list(PODS, { namespace });
  const others = pods.items.filter(
    ({ metadata, status }) =>
      metadata.uid !== uid && metadata.deletionTimestamp === undefined && status?.phase === 'Running',
  );
  // Those that come after it in the alphabet, and from its beginning: by chance, and the same each time.
  const after = others.findIndex(({ metadata }) => metadata.name > name);
  const turned = [...others.slice(Math.max(0, after)), ...others.slice(0, Math.max(0, after))];
  const label = `${name}-${uid.slice(0, 8)}`;
  for (const { metadata } of [pod, ...turned.slice(0, GROUP_SIZE - 1)]) {
    const labels = { [GROUP_LABEL]: label };
    await ignoreNotFound(registry.patch(PODS, metadata, { metadata: { uid: metadata.uid, labels } }));
  }
  await registry.create(POD_GROUP_CHECKPOINTS, {
    metadata: { name: label, namespace },
    spec: {
      selector: { matchLabels: { [GROUP_LABEL]: label } },
      postCheckpointState: stop ? 'Stopped' : 'Running',
      reason: 'Manual',
      ...(stop ? {} : { restore: 'Never' }),
    },
  });
}

/** As `fermata resume` does. */
async function resume(registry: Registry, key: { namespace: string; name: string }): Promise<void> {
  const pod = await registry.get(PODS, key);
  const gates = (pod.spec.schedulingGates ?? []).filter(({ name }) => name !== SUSPENDED_GATE);
  await registry.patch(PODS, key, {
    metadata: { uid: pod.metadata.uid, resourceVersion: pod.metadata.resourceVersion },
    spec: { schedulingGates: gates.length === 0 ? null : gates },
  });
}

async function checkpointsOf(registry: Registry, workload: PlannedWorkload): Promise<PodCheckpoint[]> {
  const { namespace, name } = keyOf(workload);
  return (await registry.list(POD_CHECKPOINTS, { namespace, labelSelector: `${WORKLOAD_LABEL}=${name}` })).items;
}

/** Somebody tidies up, and does not look closely. */
async function deleteOneCheckpoint(registry: Registry, workload: PlannedWorkload): Promise<void> {
  const all = await checkpointsOf(registry, workload);
  const one = all.find(({ status }) => isConditionTrue(status?.conditions, 'Ready')) ?? all[0];
  if (one === undefined) return;
  await registry.delete(POD_CHECKPOINTS, { namespace: one.metadata.namespace, name: one.metadata.name });
}

async function ignoreNotFound(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}

async function ignoreRefusal(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isApiError(error)) throw error;
  }
}
