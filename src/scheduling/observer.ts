import type { Node, Pod, PodCheckpoint, PodSpec } from '../model/index.ts';
import { DECISION_ANNOTATION, isConditionTrue, podGroupOf } from '../model/index.ts';
import { isEmptier } from './consolidation/emptying-orders.ts';
import type { ClusterEvent } from './contract.ts';
import type { EngineState } from './engine-state.ts';
import { sourceUIDOf, stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { hindranceOfPod } from './interruption/checkpointability.ts';
import { isBeingRestored } from './interruption/restore-traffic.ts';
import { isReclaimer } from './reclaim/reclaim-orders.ts';
import type { NodeChange } from './snapshot/node-info.ts';
import { type PodInfo, podInfo } from './snapshot/pod-info.ts';
import { CPU } from './snapshot/resource-space.ts';

/** Takes in what happened: keeps snapshot, queues and records in step, and wakes the pods that it could help. */
export class Observer {
  readonly #state: EngineState;
  /** `namespace/name` → UID of the pod known by it. */
  readonly #uids = new Map<string, string>();

  constructor(state: EngineState) {
    this.#state = state;
  }

  observe(event: ClusterEvent, now: number): void {
    const { policies, budgets, priorityClasses, queue, costs } = this.#state;
    switch (event.type) {
      case 'PodChanged':
        this.#podChanged(event.pod, now);
        break;
      case 'PodDeleted':
        this.#podGone(event.pod.metadata.uid, now);
        break;
      case 'NodeChanged':
        this.#nodeChanged(event.node, now);
        break;
      case 'NodeDeleted':
        this.#nodeGone(event.node.metadata.name, now);
        break;
      case 'PriorityClassChanged':
        priorityClasses.set(event.priorityClass.metadata.name, event.priorityClass);
        queue.on({ type: 'InterruptionRulesChanged' }, now);
        break;
      case 'PriorityClassDeleted':
        priorityClasses.delete(event.priorityClass.metadata.name);
        queue.on({ type: 'InterruptionRulesChanged' }, now);
        break;
      // Budgets order victims and forbid none, so that a change of theirs makes no pod schedulable.
      case 'PodDisruptionBudgetChanged':
        budgets.put(event.budget);
        break;
      case 'PodDisruptionBudgetDeleted':
        budgets.delete(event.budget);
        break;
      case 'InterruptionPolicyChanged':
        policies.put(event.policy);
        queue.on({ type: 'InterruptionRulesChanged' }, now);
        break;
      case 'InterruptionPolicyDeleted':
        policies.delete(event.policy);
        queue.on({ type: 'InterruptionRulesChanged' }, now);
        break;
      case 'CheckpointChanged':
        this.#checkpointChanged(event.checkpoint, now);
        break;
      case 'CheckpointDeleted':
        this.#checkpointGone(event.checkpoint, now);
        break;
      case 'ObjectChanged': {
        const before = this.#state.cluster.putObject(event.object);
        queue.on({ type: 'ObjectChanged', object: event.object, before }, now);
        break;
      }
      case 'ObjectDeleted':
        this.#state.cluster.deleteObject(event.object);
        queue.on({ type: 'ObjectDeleted', object: event.object }, now);
        break;
      case 'UsageObserved':
        this.#usageObserved(event, now);
        costs.observeUsage(event.uid, event.memoryBytes, event.gpuMemoryBytes);
        break;
      case 'BindFailed':
        this.#bindFailed(event, now);
        break;
      case 'InterruptionFailed':
        this.#interruptionFailed(event, now);
        break;
    }
  }

  /** Gives up orders whose effect did not show in time; their preemptors plan anew. */
  expireOrders(now: number): void {
    for (const { preemptorUID, victimUID } of this.#state.orders.expire(now)) {
      this.#releaseIfFree(victimUID, now);
      this.#wakePreemptor(preemptorUID, now);
    }
  }

  /** Frees the room of a pod that is gone, unless it is still held. */
  #releaseIfFree(podUID: string, now: number): void {
    const { cluster } = this.#state;
    const pod = cluster.placed(podUID);
    if (pod === undefined || this.#state.isHeld(podUID)) return;
    if (this.#uids.get(pod.key) === podUID && !pod.finished) return;
    this.#free(podUID, now);
  }

  /** Takes back the promise of room; others may want it. */
  clearNomination(pod: PodInfo, now: number): boolean {
    const nodeName = this.#state.cluster.clearNomination(pod.uid);
    if (nodeName === undefined) return false;
    this.#roomFreed(nodeName, pod, now);
    return true;
  }

  #podChanged(pod: Pod, now: number): void {
    const { cluster } = this.#state;
    const info = podInfo(pod, cluster.space, cluster.templates);
    const { uid } = info;
    const namesake = this.#uids.get(info.key);
    if (namesake !== undefined && namesake !== uid) this.#podGone(namesake, now);
    this.#uids.set(info.key, uid);
    if (info.nodeName !== undefined) {
      this.#boundPodChanged(info, info.nodeName, now);
    } else if (info.finished || info.terminatingUntil !== undefined) {
      // What was assumed of it stands until it is seen bound, or gone.
      if (cluster.placed(uid) === undefined) this.#leaveQueue(info, now);
    } else {
      this.#pendingPodChanged(info, now);
    }
  }

  #boundPodChanged(info: PodInfo, nodeName: string, now: number): void {
    const { cluster, queue, orders, record } = this.#state;
    const { uid } = info;
    this.#leaveQueue(info, now);
    record.terminated(info, now);
    const before = cluster.placed(uid);
    if (before?.assumed === true && before.nodeName === nodeName) {
      this.#state.profileOf(info).framework.postBind(info, nodeName);
    }
    if (info.pod.status?.phase === 'Succeeded') this.#state.strategies.groups.seenSucceeded(info);
    if (info.finished && !this.#state.isHeld(uid)) {
      this.#free(uid, now);
      this.#forget(uid, now);
      return;
    }
    cluster.place(info, nodeName);
    if (before?.nodeName !== undefined && (before.nodeName !== nodeName || takesLess(info, before))) {
      this.#roomFreed(before.nodeName, before, now);
    }
    if (before === undefined || changedForOthers(info, before)) {
      queue.on({ type: 'PlacedPodChanged', pod: info, before }, now);
    }
    if (info.terminatingUntil !== undefined && orders.actionOn(uid) === 'Terminate') this.#settle(uid, now);
  }

  #pendingPodChanged(info: PodInfo, now: number): void {
    const { cluster, queue } = this.#state;
    const known = queue.get(info.uid);
    const changed = known !== undefined && !sameForScheduling(known.info, info);
    queue.put(info, changed, now);
    if (known === undefined) queue.on({ type: 'PodPending', pod: info }, now);
    // The API shows less than is assumed: its word comes later.
    if (cluster.placed(info.uid) !== undefined) return;
    // After the first sight this engine is the one that nominates; the API only follows.
    const nodeName = known === undefined ? info.pod.status?.nominatedNodeName : cluster.nominationOf(info.uid);
    if (nodeName !== undefined && nodeName !== '') cluster.nominate(info, nodeName);
  }

  #usageObserved(event: Extract<ClusterEvent, { type: 'UsageObserved' }>, now: number): void {
    const pod = this.#state.cluster.placed(event.uid);
    if (pod === undefined) return;
    const { cpuMillicores: cpu = pod.requests[CPU] ?? 0, memoryBytes: memory } = event;
    this.#state.strategies.reclaiming?.observe(pod, { cpu, memory }, now);
  }

  #podGone(uid: string, now: number): void {
    const { cluster, queue, waiting, strategies } = this.#state;
    waiting.forget(uid);
    strategies.groups.forgetPod(uid);
    const pod = cluster.placed(uid) ?? queue.get(uid)?.info;
    if (pod !== undefined) {
      if (this.#uids.get(pod.key) === uid) this.#uids.delete(pod.key);
      this.#leaveQueue(pod, now);
    }
    const held = this.#state.isHeld(uid) ? cluster.placed(uid) : undefined;
    // What is left of it ends with its release, no more with its work.
    if (held?.nodeName !== undefined) cluster.place({ ...held, endsAt: undefined }, held.nodeName);
    else if (!this.#state.isHeld(uid)) this.#free(uid, now);
    this.#forget(uid, now);
  }

  /** What is only of interest while the pod is there. */
  #forget(uid: string, now: number): void {
    // What was ordered on its behalf stands: it may be carried out yet.
    const { orders, record, costs } = this.#state;
    if (orders.actionOn(uid) === 'Terminate') this.#settle(uid, now);
    record.forgetPod(uid);
    costs.forgetPod(uid);
    this.#state.strategies.reclaiming?.forgetPod(uid);
  }

  #leaveQueue(pod: PodInfo, now: number): void {
    const { cluster, queue } = this.#state;
    queue.remove(pod.uid);
    // Bound where it was nominated, it takes the promised room; the rest of the promise falls away with nobody waiting.
    if (cluster.nominationOf(pod.uid) === pod.nodeName) cluster.clearNomination(pod.uid);
    else this.clearNomination(pod, now);
  }

  #nodeChanged(node: Node, now: number): void {
    const { cluster, queue } = this.#state;
    const { info, change } = cluster.setNode(node);
    if (change === undefined || !concernsQueue(change)) return;
    queue.on({ type: 'NodeChanged', node: info, change }, now);
    for (const pod of cluster.nominatedTo(info.name)) queue.activate(pod.uid, now);
  }

  #nodeGone(name: string, now: number): void {
    const { cluster, queue } = this.#state;
    const node = cluster.node(name);
    cluster.removeNode(name);
    if (node !== undefined) queue.on({ type: 'NodeDeleted', node }, now);
    // They find out that their node is gone, and plan anew.
    for (const pod of cluster.nominatedTo(name)) queue.activate(pod.uid, now);
  }

  #checkpointChanged(checkpoint: PodCheckpoint, now: number): void {
    const { checkpoints, record, history, orders } = this.#state;
    const before = checkpoints.get(`${checkpoint.metadata.namespace ?? 'default'}/${checkpoint.metadata.name}`);
    checkpoints.put(checkpoint);
    record.observe(checkpoint, now);
    history.observe(checkpoint);
    const source = sourceUIDOf(checkpoint);
    const preemptor = checkpoint.spec.preemptor?.uid;
    if (source !== undefined) {
      const orderedBy = orders.preemptorOf(source);
      // What is reclaimed or moved is for nobody in particular, and its checkpoint names nobody.
      const isForNobody = isReclaimer(orderedBy) || isEmptier(orderedBy);
      const isOrder = preemptor === undefined ? isForNobody : orderedBy === preemptor;
      if (isOrder) orders.settle(source);
      this.#placeHeld(checkpoint, source);
      this.#releaseIfFree(source, now);
    }
    this.#stopSettled(before, checkpoint, now);
  }

  #checkpointGone(checkpoint: PodCheckpoint, now: number): void {
    const { checkpoints, history } = this.#state;
    checkpoints.delete(checkpoint);
    history.forget(checkpoint);
    const source = sourceUIDOf(checkpoint);
    if (source !== undefined) this.#releaseIfFree(source, now);
    this.#stopSettled(checkpoint, undefined, now);
  }

  /** Wakes those who waited for the stop to come to an end, or for the node to be less busy with dumps. */
  #stopSettled(before: PodCheckpoint | undefined, after: PodCheckpoint | undefined, now: number): void {
    const { queue } = this.#state;
    const checkpoint = after ?? before;
    if (checkpoint?.spec.postCheckpointState !== 'Stopped') return;
    const underWay = after !== undefined && stopPhaseOf(after) === 'UnderWay';
    if (underWay) return;
    const wasUnderWay = before === undefined || stopPhaseOf(before) === 'UnderWay';
    if (!wasUnderWay) return;
    this.#wakePreemptor(checkpoint.spec.preemptor?.uid, now);
    queue.on({ type: 'InterruptionRulesChanged' }, now);
  }

  /** A pod that was stopped before this engine was started: its room is known from its checkpoint alone. */
  #placeHeld(checkpoint: PodCheckpoint, source: string): void {
    const { cluster, checkpoints } = this.#state;
    const { status, metadata, spec } = checkpoint;
    if (status?.nodeName === undefined || status.checkpointedPodTemplate === undefined) return;
    if (!isConditionTrue(status.conditions, 'Ready') || checkpoints.holding(source) === undefined) return;
    if (cluster.placed(source) !== undefined) return;
    const template = status.checkpointedPodTemplate;
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: spec.sourcePod.name,
        namespace: metadata.namespace ?? 'default',
        uid: source,
        resourceVersion: '',
        creationTimestamp: metadata.creationTimestamp,
      },
      spec: { ...(template.spec as PodSpec), nodeName: status.nodeName },
    };
    cluster.place(podInfo(pod, cluster.space, cluster.templates), status.nodeName);
  }

  /** Takes back what was assumed of the pod. */
  undoAssumed(pod: PodInfo, nodeName: string, now: number): void {
    this.#state.profileOf(pod).framework.unreserve(pod, nodeName);
    this.#free(pod.uid, now);
    pod.assumed = false;
    pod.nodeName = undefined;
  }

  #bindFailed({ uid, plugins }: Extract<ClusterEvent, { type: 'BindFailed' }>, now: number): void {
    const { cluster, queue } = this.#state;
    const pod = cluster.placed(uid);
    if (pod?.assumed !== true || pod.nodeName === undefined) return;
    const { nodeName } = pod;
    this.undoAssumed(pod, nodeName, now);
    // The others of its gang run, or are about to: its room must not go to anybody else.
    if (this.#state.strategies.hasGangs && podGroupOf(pod.pod) !== undefined) cluster.nominate(pod, nodeName);
    const entry = queue.get(uid);
    if (plugins !== undefined && entry?.state === 'assumed') queue.reject(entry, plugins, now);
    else queue.returnAssumed(uid, now);
  }

  #interruptionFailed(
    { preemptorUID, victimUID, reason }: Extract<ClusterEvent, { type: 'InterruptionFailed' }>,
    now: number,
  ): void {
    const { orders, record, queue } = this.#state;
    if (orders.preemptorOf(victimUID) === preemptorUID) orders.settle(victimUID);
    record.failed(victimUID, `order at ${now}`, reason, now);
    this.#releaseIfFree(victimUID, now);
    if (!this.#state.isRoomBeingMadeFor(preemptorUID)) queue.retry(preemptorUID, now);
  }

  #settle(victimUID: string, now: number): void {
    this.#wakePreemptor(this.#state.orders.settle(victimUID), now);
  }

  #free(uid: string, now: number): void {
    const pod = this.#state.cluster.displace(uid);
    if (pod?.nodeName !== undefined) this.#roomFreed(pod.nodeName, pod, now);
  }

  #roomFreed(nodeName: string, pod: PodInfo, now: number): void {
    const { cluster, queue } = this.#state;
    const node = cluster.node(nodeName);
    if (node === undefined) return;
    for (const nominated of cluster.nominatedTo(nodeName)) this.#wakePreemptor(nominated.uid, now);
    queue.on({ type: 'RoomFreed', node, pod }, now);
  }

  #wakePreemptor(uid: string | undefined, now: number): void {
    if (uid !== undefined && !this.#state.isRoomBeingMadeFor(uid)) this.#state.queue.activate(uid, now);
  }
}

/** Images and annotations make a node better or worse; no pod waits for them. */
function concernsQueue(change: NodeChange): boolean {
  const { added, allocatable, labels, taints, unschedulable, conditions, containerRuntime } = change;
  return added || allocatable || labels || taints || unschedulable || conditions || containerRuntime;
}

/** Whether a placed pod became something else to pods that wait: a victim, a neighbour, one on its way out. */
function changedForOthers(now: PodInfo, before: PodInfo): boolean {
  return (
    before.running !== now.running ||
    before.priority !== now.priority ||
    isBeingRestored(before) !== isBeingRestored(now) ||
    hindranceOfPod(before.pod) !== hindranceOfPod(now.pod) ||
    (before.terminatingUntil === undefined) !== (now.terminatingUntil === undefined) ||
    JSON.stringify(before.pod.metadata.labels) !== JSON.stringify(now.pod.metadata.labels)
  );
}

function takesLess(now: PodInfo, before: PodInfo): boolean {
  return before.requests.some((amount, index) => amount > (now.requests[index] ?? 0));
}

/** Whether nothing changed that a decision about the pod depends on; status, and the decision's own record, never do. */
function sameForScheduling(one: PodInfo, other: PodInfo): boolean {
  if (one.template !== other.template && JSON.stringify(one.pod.spec) !== JSON.stringify(other.pod.spec)) return false;
  const [before, after] = [one.pod.metadata, other.pod.metadata];
  if (before === after) return true;
  return (
    JSON.stringify([before.labels, annotationsOf(one.pod)]) === JSON.stringify([after.labels, annotationsOf(other.pod)])
  );
}

function annotationsOf(pod: Pod): Record<string, string> {
  const { [DECISION_ANNOTATION]: _, ...others } = pod.metadata.annotations ?? {};
  return others;
}
