import type { Decision } from './contract.ts';
import type { EngineState } from './engine-state.ts';
import type { Choice } from './framework/node-choice.ts';
import type { Rejection, Remedy } from './framework/phases.ts';
import type { Sought } from './gang/gang-cycle.ts';
import type { GangHost } from './gang/gang-host.ts';
import type { Observer } from './observer.ts';
import type { QueueEntry } from './queue/queue-entry.ts';
import type { Begun } from './scheduling-cycle.ts';
import { podRef } from './snapshot/pod-info.ts';

type Rejections = readonly (Rejection | undefined)[];

/** The ways of a single pod, as a gang goes them with several. */
export interface SinglePodWays {
  begin(entry: QueueEntry, now: number): Begun;
  seek(begun: Begun): Sought;
  bind(sought: Sought, choice: Choice): Decision[];
  interrupt(sought: Sought, remedy: Extract<Remedy, { type: 'Interrupt' }>, rejections: Rejections): Decision[];
  wait(sought: Sought, remedy: Extract<Remedy, { type: 'Wait' }>, rejections: Rejections): Decision[];
  isWaitingForRoom(begun: Begun): boolean;
  forgetWithheld(podUID: string): void;
  alone(entry: QueueEntry, now: number): Decision[];
}

/** What a gang's decision needs, from the engine's state and the ways of a single pod. */
export function gangHostOf(state: EngineState, observer: Observer, ways: SinglePodWays): GangHost {
  const { cluster, queue, waiting } = state;
  const { groups } = state.strategies;
  return {
    cluster,
    membersWith: ({ key }, first, now) => {
      // What it comes back with may have become known only since it entered the queue.
      groups.seenWaiting(first.info);
      const uids = groups.waitingOf(key, (uid) => queue.get(uid) !== undefined);
      const others = uids.filter((uid) => uid !== first.info.uid).flatMap((uid) => queue.take(uid, now) ?? []);
      return [first, ...others].sort((one, other) => (queue.comesBefore(one, other) ? -1 : 1));
    },
    presentMembers: ({ key }) => {
      let present = 0;
      for (const pod of groups.placedOf(key).values())
        if (!state.strategies.isLeaving(pod) && !pod.finished) present += 1;
      return present;
    },
    returningMembers: ({ key }) => {
      let returning = 0;
      for (const pod of groups.placedOf(key).values())
        if (groups.isReturning(pod) && !state.strategies.isLeaving(pod) && !pod.finished) returning += 1;
      return returning;
    },
    succeededMembers: ({ key }) => groups.succeededOf(key),
    seek: (entry, now) => ways.seek(ways.begin(entry, now)),
    fitting: (entry, now) => {
      const { cycle, filters, rejectedByAll } = ways.begin(entry, now);
      const { framework } = state.profileOf(entry.info);
      const nodes = rejectedByAll === undefined ? cluster.nodes : [];
      return { cycle, filters, fitting: nodes.filter((node) => framework.filter(cycle, node, filters) === undefined) };
    },
    remedy: ({ entry, cycle, filters, outcome }) =>
      state.profileOf(entry.info).framework.postFilter(cycle, {
        nodes: cluster.nodes,
        rejections: 'rejections' in outcome ? outcome.rejections : [],
        filters,
        waitDeadline: entry.waitDeadline,
      }),
    bind: (sought, choice) => {
      const decisions = ways.bind(sought, choice);
      if (sought.entry.state === 'assumed') return { decisions };
      const [refusal] = decisions;
      const message = refusal?.type === 'Unschedulable' ? refusal.message : 'was refused';
      return { refused: `pod ${sought.entry.info.key}: ${message}` };
    },
    takeBack: ({ info }, now) => {
      const { nodeName } = info;
      waiting.forget(info.uid);
      ways.forgetWithheld(info.uid);
      if (nodeName !== undefined) observer.undoAssumed(info, nodeName, now);
    },
    carryOut: (sought, remedy) => {
      const rejections = 'rejections' in sought.outcome ? sought.outcome.rejections : [];
      return remedy.type === 'Interrupt'
        ? ways.interrupt(sought, remedy, rejections)
        : ways.wait(sought, remedy, rejections);
    },
    isWaitingForRoom: (entry, now) => ways.isWaitingForRoom(ways.begin(entry, now)),
    hold: (entries, now, dueAt) => {
      for (const entry of entries) queue.hold(entry, [], now, dueAt);
    },
    reserve: (gang, members, needed, now) => {
      // Promises are kept by PodGroup.
      if (gang.minMember === 0) return undefined;
      return state.strategies.reserving?.reserveTogether(members, needed, {
        now,
        begin: (pod) => {
          const entry = queue.get(pod.info.uid);
          if (entry === undefined) throw new RangeError(`pod ${pod.info.key} waits no more`);
          return ways.begin(entry, now);
        },
      });
    },
    withdraw: ({ key }, now) => state.strategies.reserving?.withdraw(key, now),
    alone: (entry, now) => ways.alone(entry, now),
    refuse: (entry, { message, filtered, plugins, now, retryAt }) => {
      // Before it is back in the queue, lest its own withdrawal wakes it.
      const clearNomination = observer.clearNomination(entry.info, now);
      queue.reject(entry, plugins, now, retryAt);
      const explanation = {
        at: now,
        outcome: 'Unschedulable' as const,
        summary: message,
        filtered,
        scores: [],
        plans: [],
      };
      return [{ type: 'Unschedulable', pod: podRef(entry.info), message, clearNomination, explanation }];
    },
  };
}
