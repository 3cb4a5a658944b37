// Types alone: what this process is to run without must not be loaded before it is taken out.
import type { FaultRates, Violation } from '../../src/soak/testing.ts';

/** A guard of the product, how to take it out, and what the judge must then find, how soon. */
export interface Guard {
  /** Replacements in the product's sources; `take` stands in its file exactly once. */
  cuts: { file: string; take: string; put: string }[];
  finds: { invariants: Violation['invariant'][]; message: RegExp };
  /** Within so many `days` of a small cluster, with `seed` (default 1) or one of the next few. */
  world: {
    days: number;
    rates: Partial<FaultRates>;
    seed?: number;
    nodes?: number;
    workloadsPerDay?: number;
    groups?: boolean;
    gangs?: boolean;
  };
}

/** Nothing goes wrong but what is named. */
const none: Partial<FaultRates> = {};
const agent = 'src/agent/agent.ts';
const carrier = 'src/agent/carrier.ts';
const keeper = 'src/agent/keeper.ts';
const interruption = 'src/controllers/interruption/interruption-controller.ts';
const retention = 'src/controllers/retention/workload-view.ts';

/** By a sentence that says what the product does without it. */
export const GUARDS: Readonly<Record<string, Guard>> = {
  'the scheduler counts room that is not there': {
    cuts: [
      {
        file: 'src/scheduling/plugins/node-resources-fit.ts',
        take: 'if (asked > 0 && asked > (allocatable[index] ?? 0) - (requested[index] ?? 0)) return false;',
        put: 'if (asked > 0 && asked > (allocatable[index] ?? 0)) return false;',
      },
    ],
    finds: { invariants: [1], message: /was given/ },
    world: { days: 1, rates: none },
  },
  'the node takes in what does not fit beside what is truly there': {
    cuts: [
      // Somebody must ask for it.
      {
        file: 'src/scheduling/plugins/node-resources-fit.ts',
        take: 'if (asked > 0 && asked > (allocatable[index] ?? 0) - (requested[index] ?? 0)) return false;',
        put: 'if (asked > 0 && asked > (allocatable[index] ?? 0)) return false;',
      },
      {
        file: 'src/sandbox/node/admission.ts',
        take: '  const records = new Map([...others].map((other) => [other.uid, other]));',
        put: "  if (record) return { answer: 'admit' };\n  const records = new Map([...others].map((other) => [other.uid, other]));",
      },
    ],
    finds: { invariants: [1], message: /the machine of node/ },
    world: { days: 1, rates: none },
  },
  'the scheduler gives room away before its release is confirmed': {
    cuts: [
      {
        file: 'src/scheduling/interruption/checkpoint-ledger.ts',
        take: "if (stopPhaseOf(checkpoint) === 'UnderWay') return checkpoint;",
        put: 'continue;',
      },
    ],
    finds: { invariants: [6], message: /was bound/ },
    world: { days: 2, rates: { ...none, request: { slow: 0.3 } } },
  },
  'the scheduler trusts a watch that has not told of its own orders': {
    cuts: [
      {
        file: 'src/controllers/scheduling/decision-executor.ts',
        take: 'const held = await this.#unseen.holding(nodeName, signal);',
        put: 'const held = undefined as string | undefined;',
      },
    ],
    finds: { invariants: [6], message: /was bound/ },
    world: { days: 1, rates: { ...none, watch: { stall: 0.1 } }, workloadsPerDay: 200, seed: 35 },
  },
  'the scheduler forgets an order whose answer has not come': {
    cuts: [
      {
        file: 'src/controllers/scheduling/decision-executor.ts',
        take: 'if (signal.aborted || isDefinite(error)) throw error;',
        put: 'throw error;',
      },
    ],
    finds: { invariants: [6], message: /was bound/ },
    world: {
      days: 1,
      rates: { ...none, request: { lostAnswer: 0.2 }, watch: { stall: 0.1 } },
      workloadsPerDay: 200,
      seed: 35,
    },
  },
  'the scheduler trusts a bind that was on its way when the watch told of its order': {
    cuts: [
      {
        file: 'src/controllers/scheduling/unseen-orders.ts',
        take: 'if (known !== undefined && this.#seen.victim(known.order)) this.#remove(key, nodeName);',
        put: 'if (known !== undefined) this.#remove(key, nodeName);',
      },
    ],
    finds: { invariants: [6], message: /was bound/ },
    world: {
      days: 1,
      seed: 13,
      rates: { ...none, watch: { stall: 0.2 }, request: { slow: 0.5, tooManyRequests: 0.3 }, dump: { slow: 0.3 } },
      nodes: 2,
      workloadsPerDay: 200,
    },
  },
  'the node lets a pod go before its containers are gone': {
    cuts: [
      {
        file: 'src/sandbox/node/pod-remover.ts',
        take: 'if (observed !== undefined) await this.#remove(uid, record, graceOf(pod), signal);',
        put: '',
      },
    ],
    finds: { invariants: [6], message: /let pod .* go while/ },
    world: { days: 1, rates: none },
  },
  'the agent confirms a release without looking': {
    cuts: [
      // The node is in a hurry, so that there is something to see.
      {
        file: 'src/sandbox/node/pod-remover.ts',
        take: 'if (observed !== undefined) await this.#remove(uid, record, graceOf(pod), signal);',
        put: '',
      },
      {
        file: keeper,
        take: 'const runs = (await runtime.list(signal)).some((pod) => pod.uid === uid);',
        put: 'const runs = uid === undefined;',
      },
    ],
    finds: { invariants: [6], message: /was Released while container/ },
    world: { days: 1, rates: none },
  },
  'a victim is deleted before its checkpoint is Ready': {
    cuts: [{ file: interruption, take: "    if (!isConditionTrue(conditions, 'Ready')) return undefined;\n", put: '' }],
    finds: { invariants: [3], message: /without a Ready checkpoint/ },
    world: { days: 1, rates: none },
  },
  'a pod is deleted because of its name': {
    cuts: [
      {
        file: 'src/controllers/interruption/source-deletion.ts',
        take: 'if (uid === undefined || pod?.metadata.uid !== uid) return undefined;',
        put: 'if (pod === undefined) return undefined;',
      },
      {
        file: 'src/controllers/interruption/source-deletion.ts',
        take: '{ uid, gracePeriodSeconds, signal }',
        put: '{ gracePeriodSeconds, signal }',
      },
    ],
    finds: { invariants: [3], message: /without a Ready checkpoint/ },
    world: { days: 4, rates: { ...none, watch: { stall: 0.1 }, component: { twin: 20 } } },
  },
  'a workload gets a second incarnation from one checkpoint': {
    cuts: [
      {
        file: interruption,
        take: "if (isConditionTrue(conditions, 'Restored')) return this.#followRestored(checkpoint, signal);",
        put: '',
      },
    ],
    finds: { invariants: [2], message: /went on already/ },
    world: { days: 2, rates: none },
  },
  'an incarnation is made before the room is released': {
    cuts: [
      {
        file: interruption,
        take: 'return deleteSource({',
        put: 'await deleteSource({',
      },
    ],
    finds: { invariants: [2], message: /before checkpoint .* was Released/ },
    world: { days: 2, rates: { ...none, request: { slow: 0.9 } } },
  },
  'a pod with a checkpoint begins anew from its image': {
    cuts: [
      {
        file: 'src/sandbox/node/pod-plan.ts',
        take: '    restoreFrom(pod) === undefined\n      ? planFresh',
        put: '    now > 0\n      ? planFresh',
      },
    ],
    finds: { invariants: [3], message: /began anew/ },
    world: { days: 1, rates: none },
  },
  'the node starts a container that a dump has stopped': {
    cuts: [
      {
        file: 'src/sandbox/node/pod-plan.ts',
        take: "if (observed?.containers.some((container) => container.state === 'frozen')) return { action: 'none' };",
        put: '',
      },
      {
        file: 'src/sandbox/node/pod-state.ts',
        take: "if (seen?.state === 'running' || seen?.state === 'frozen') return { ...base, state: seen.state };",
        put: "if (seen?.state === 'running') return { ...base, state: seen.state };\n  if (seen?.state === 'frozen') return { ...base, state: 'created' };",
      },
      // A container engine would do it.
      {
        file: 'src/runtime/simulated/simulated-runtime.ts',
        take: "if (found.state === 'frozen' || pod.restore !== undefined) {",
        put: 'if (pod.restore !== undefined) {',
      },
    ],
    finds: { invariants: [3, 9], message: /was started after its checkpoint|began anew|fell from/ },
    world: { days: 1, rates: { ...none, request: { slow: 0.5 } } },
  },
  'a failed dump takes its victim with it': {
    cuts: [
      {
        file: 'src/agent/dump-clearance.ts',
        take: 'if (isFrozen(present)) await runtime.removePod',
        put: 'if (present) await runtime.removePod',
      },
    ],
    finds: { invariants: [7], message: /was killed at step/ },
    world: { days: 1, rates: { ...none, dump: { fail: 0.3 } } },
  },
  'a victim whose dump failed is not left alone': {
    cuts: [
      {
        file: 'src/scheduling/interruption/interruption-record.ts',
        take: '?.delete(id) === true ? now : Math.min(said ?? now, now)',
        put: '?.delete(id) === true ? (said ?? now) : (said ?? now)',
      },
    ],
    finds: { invariants: ['liveness'], message: /was frozen .* times within an hour/ },
    world: { days: 2, rates: { ...none, component: { skew: 20 } }, seed: 3 },
  },
  'statistics that are cut keep the pods of a group frozen': {
    cuts: [
      {
        file: 'src/agent/images.ts',
        take: 'if (error instanceof FermataError && IMAGE_FAILURES.has(error.code)) return undefined;',
        put: '',
      },
    ],
    finds: { invariants: ['liveness'], message: /is still frozen|is still inProgress/ },
    world: { days: 2, rates: { ...none, dump: { halfWritten: 0.5 }, request: { lostAnswer: 0.2 } }, groups: true },
  },
  'a pod is dumped twice at once': {
    cuts: [
      // Two checkpoints must be ordered of one victim.
      {
        file: 'src/controllers/scheduling/decision-executor.ts',
        take: 'this.#unseen.stands(order);\n          return;',
        put: 'this.#unseen.stands(order);\n          if (number > 1) return;',
      },
      {
        file: carrier,
        take: 'if (this.#parts.unsettled.hasOther(podUid, checkpoint.metadata.uid)) {',
        put: "if (podUid === '') {",
      },
    ],
    finds: { invariants: [7], message: /at once/ },
    world: { days: 1, rates: none },
  },
  'the agent believes a dump that let its pod run on': {
    cuts: [
      {
        file: 'src/agent/dump-proof.ts',
        take: "return present?.containers.find((container) => container.state === 'running')?.name;",
        put: "return present?.containers.find((container) => container.name === '')?.name;",
      },
    ],
    finds: { invariants: [9], message: /runs on/ },
    world: { days: 1, rates: { ...none, dump: { runOn: 0.5 } } },
  },
  'the agent believes a dump that left half of its images out': {
    cuts: [{ file: 'src/agent/images.ts', take: '  await verifyDump(directory, containers, { files });\n', put: '' }],
    finds: { invariants: [5], message: /although its dump is none/ },
    world: { days: 1, rates: { ...none, dump: { halfWritten: 0.5 } } },
  },
  'a checkpoint is restored unverified': {
    cuts: [
      {
        file: 'src/agent/opener.ts',
        take: 'await verifyCheckpoint(directory, checkpoint.status?.manifestDigest, { files: storage.files, signal });',
        put: '',
      },
    ],
    finds: { invariants: [5], message: /was damaged/ },
    world: { days: 4, rates: { ...none, disk: { rot: 0.5 } } },
  },
  'retention lets the only copy go': {
    cuts: [
      {
        file: 'src/checkpoint/retention.ts',
        take: 'else if (workload !== undefined && !suspends && latest.get(checkpoint.workload) !== checkpoint) {',
        put: 'else if (workload !== undefined) {',
      },
      {
        file: 'src/checkpoint/retention.ts',
        take: "reason === 'Manual' || pinned || awaited || state === 'pending'",
        put: "reason === 'Manual' || pinned || state === 'pending'",
      },
    ],
    finds: { invariants: [5], message: /asked for the deletion of .*, the only copy/ },
    world: { days: 1, rates: none },
  },
  'retention lets go what a restored pod would go back to': {
    cuts: [
      {
        file: retention,
        take: '=== checkpoint && !isTerminal(pod)',
        put: "=== checkpoint && pod.status?.phase === 'Pending'",
      },
    ],
    finds: { invariants: [5], message: /goes on after a crash/ },
    world: { days: 4, rates: none, workloadsPerDay: 120 },
  },
  'retention trusts a watch that has not told of the pod that goes on': {
    cuts: [
      {
        file: 'src/controllers/retention/retention-controller.ts',
        take: 'const current = await this.#current(workload, checkpoints, signal);',
        put: 'const current = pods;',
      },
    ],
    finds: { invariants: [5], message: /asked for the deletion of .*goes on after a crash/ },
    world: { days: 3, rates: { ...none, watch: { stall: 0.3 } }, workloadsPerDay: 120, seed: 3 },
  },
  'the finalizer lets go what a restored pod would go back to': {
    cuts: [
      {
        file: 'src/agent/need.ts',
        take: 'if (pod !== undefined) {',
        put: 'if (pod !== undefined && !isConditionTrue(pod.status?.conditions, RESTORED_CONDITION)) {',
      },
    ],
    finds: { invariants: [5], message: /is gone \(node.*goes on after a crash/ },
    world: { days: 2, rates: none, workloadsPerDay: 120 },
  },
  'the finalizer lets the only copy go': {
    cuts: [
      // Somebody must ask for it.
      {
        file: 'src/checkpoint/retention.ts',
        take: 'else if (workload !== undefined && !suspends && latest.get(checkpoint.workload) !== checkpoint) {',
        put: 'else if (workload !== undefined) {',
      },
      {
        file: 'src/checkpoint/retention.ts',
        take: "reason === 'Manual' || pinned || awaited || state === 'pending'",
        put: "reason === 'Manual' || pinned || state === 'pending'",
      },
      { file: keeper, take: 'if (reason !== undefined) {', put: "if (reason === '') {" },
    ],
    finds: { invariants: [5], message: /is gone \(node/ },
    world: { days: 1, rates: none },
  },
  'the scheduler terminates whom policy protects': {
    cuts: [
      {
        file: 'src/scheduling/interruption/victim-rules.ts',
        take: "      action === 'Terminate' ||\n      action === 'CheckpointElseTerminate' ||",
        put: "      action !== 'Never' ||",
      },
    ],
    finds: { invariants: [3], message: /the scheduler terminated pod/ },
    world: { days: 3, rates: none },
  },
  'an eviction counts as abandonment': {
    cuts: [
      {
        file: 'src/controllers/interruption/gone-incarnations.ts',
        take: "if (isConditionTrue(status?.conditions, 'DisruptionTarget')) return false;",
        put: '',
      },
    ],
    finds: { invariants: [5], message: /only copy/ },
    world: { days: 2, rates: { ...none, restore: { hang: 0.8 }, node: { silent: 40 } } },
  },
  'the scheduler terminates what is being restored': {
    cuts: [
      {
        file: 'src/scheduling/interruption/victim-rules.ts',
        take: 'if (isBeingRestored(victim)) return',
        put: "if (victim.uid === '') return",
      },
    ],
    finds: { invariants: [3, 5], message: /only copy|being restored/ },
    world: { days: 3, workloadsPerDay: 200, rates: { ...none, request: { slow: 0.2 }, restore: { slow: 0.95 } } },
  },
  'nobody confirms that room is free': {
    cuts: [
      {
        file: carrier,
        take: 'if (awaitsRelease(seen)) {',
        put: "if (awaitsRelease(seen) && seen.metadata.name === '') {",
      },
    ],
    finds: { invariants: ['liveness'], message: /still not Released/ },
    world: { days: 0.3, rates: none },
  },
  'the data of a checkpoint stays behind': {
    cuts: [
      {
        file: keeper,
        take: 'await this.#parts.storage.files.remove(directory);',
        put: '',
      },
    ],
    finds: { invariants: ['liveness'], message: /belongs to no PodCheckpoint/ },
    world: { days: 0.5, rates: none },
  },
  'a restore that hangs is waited for': {
    cuts: [{ file: 'src/sandbox/node/pod-starter.ts', take: '() => overdue.abort()', put: '() => undefined' }],
    finds: { invariants: [4], message: /nothing of it runs/ },
    world: { days: 0.5, rates: { ...none, restore: { hang: 0.5 } } },
  },
  'a failed restore is not tried again': {
    cuts: [
      {
        file: interruption,
        take: "await this.#recordFailure(checkpoint, pod, failed.message ?? 'the restore failed', signal);",
        put: '',
      },
    ],
    finds: { invariants: [4], message: /nothing of it runs/ },
    world: { days: 0.5, rates: { ...none, restore: { fail: 0.5 } } },
  },
  'a workload whose restore failed is tried again without a pause': {
    cuts: [
      {
        file: 'src/scheduling/plugins/restore-backoff.ts',
        take: 'const until = Math.min(Math.max(notBefore, least), seen + MAX_RESTORE_BACKOFF_MS);',
        put: 'const until = least === 0 ? 0 : notBefore;',
      },
    ],
    finds: { invariants: ['liveness'], message: /restores from .* failed .* times within an hour/ },
    world: { days: 1, rates: { ...none, component: { skew: 20 }, disk: { rot: 0.5 } }, seed: 3 },
  },
  'the scheduler forgets a pod that found no room': {
    cuts: [
      {
        file: 'src/scheduling/queue/scheduling-queue.ts',
        take: 'entry.dueAt = Math.min(dueAt, now + this.#flushMilliseconds);\n    this.#timed.push(entry);\n    this.#awaiting.add(entry);',
        put: 'entry.dueAt = now + dueAt === 0 ? 0 : Number.MAX_SAFE_INTEGER;\n    entry.rejectedBy = [];',
      },
    ],
    finds: { invariants: ['liveness', 4], message: /although it fits/ },
    world: { days: 0.5, rates: none },
  },
  'the scheduler forgets members of a gang while it makes room for others': {
    cuts: [
      {
        file: 'src/scheduling/gang/gang-cycle.ts',
        take: 'return [...decisions, ...this.#refuseEach({ members: rest, now, note, failed })];',
        put: 'return decisions;',
      },
    ],
    finds: { invariants: ['liveness', 4], message: /although it fits/ },
    world: { days: 1, rates: none, workloadsPerDay: 200, gangs: true, seed: 5 },
  },
  'a component leaves an alarm behind when it stops': {
    cuts: [
      {
        file: 'src/sandbox/node/node-registration.ts',
        take: 'await this.#clock.sleep(wait * (1 + 0.04 * this.#random()), signal);',
        put: 'await this.#clock.sleep(wait * (1 + 0.04 * this.#random()));',
      },
    ],
    finds: { invariants: ['liveness'], message: /alarms are still set|did not end/ },
    world: { days: 0.1, rates: none },
  },
  'a scheduler that lost its lease goes on': {
    cuts: [
      {
        file: 'src/kubernetes/election/leader-elector.ts',
        take: 'await Promise.race([renewing, aborted(signal)]);',
        put: 'await aborted(signal);',
      },
      { file: 'src/kubernetes/election/fenced-store.ts', take: '    term.assertCurrent();\n', put: '' },
      {
        file: 'src/kubernetes/election/fenced-store.ts',
        take: 'options?.signal === undefined ? term.signal : AbortSignal.any([options.signal, term.signal]);',
        put: 'options?.signal ?? new AbortController().signal;',
      },
    ],
    finds: { invariants: [1], message: /leads since/ },
    world: { days: 0.5, rates: { ...none, component: { twoLeaders: 48 } }, workloadsPerDay: 200 },
  },
  'a group is committed when one of its members is prepared': {
    cuts: [
      {
        file: 'src/controllers/group/group-controller.ts',
        take: 'if (voters.length === named.length) {',
        put: 'if (voters.length > 0) {',
      },
    ],
    finds: { invariants: [8], message: /is Committed/ },
    world: { days: 2, rates: none, groups: true, seed: 5 },
  },
  'a member of an aborted group is stopped all the same': {
    cuts: [
      {
        file: 'src/agent/group-ballot.ts',
        take: "    return decision.verdict === 'Committed';",
        put: '    return true;',
      },
    ],
    finds: { invariants: [8], message: /is Ready and its group .* is Aborted/ },
    world: { days: 2, rates: { ...none, dump: { fail: 0.3 } }, groups: true, seed: 2 },
  },
  'a pod of a gang starts before there are as many as must run at once': {
    cuts: [
      {
        file: 'src/scheduling/gang/gang-cycle.ts',
        take: 'const needed = Math.max(0, minMember - present - done, returning);',
        put: 'const needed = Math.max(0, returning);',
      },
    ],
    finds: { invariants: [8], message: /was bound although gang/ },
    world: { days: 0.5, rates: none, gangs: true, seed: 5 },
  },
  'a gang starts in part when not all of it finds room': {
    cuts: [
      {
        file: 'src/scheduling/gang/gang-cycle.ts',
        take: 'if (seats.length < needed) return this.#provide(gang, trial, { seats, unseated, present, needed, now });',
        put: 'if (seats.length === 0) return this.#provide(gang, trial, { seats, unseated, present, needed, now });',
      },
    ],
    finds: { invariants: [8], message: /was started by .* in part/ },
    world: { days: 1, rates: none, gangs: true, seed: 3 },
  },
  'members of a gang are decided about one at a time': {
    cuts: [
      {
        file: 'src/scheduling/gang-ways.ts',
        take: 'return [first, ...others].sort(',
        put: 'return [first].sort(',
      },
    ],
    finds: { invariants: ['liveness'], message: /gang .* waits although/ },
    world: { days: 0.5, rates: none, gangs: true, seed: 5 },
  },
  'a node that is started again takes a loss for an end': {
    cuts: [
      {
        file: 'src/sandbox/node/pod-state.ts',
        take: 'lost: history.ended.reason === LOST.reason };',
        put: 'lost: false };',
      },
      {
        file: 'src/sandbox/node/pod-plan.ts',
        take: 'if (!lost && !unfinished && isFinished',
        put: 'if (!lost && isFinished',
      },
    ],
    finds: { invariants: [1], message: /the machine of node/ },
    world: {
      days: 2,
      rates: { ...none, dump: { noImage: 0.3 }, restore: { slow: 0.7 }, node: { kill: 100 } },
      workloadsPerDay: 120,
      seed: 5,
    },
  },
  'a member of a group runs before the others are back': {
    cuts: [
      {
        file: 'src/agent/restore-ballot.ts',
        take: "if (group === undefined || !isByController || checkpoint.spec.postCheckpointState !== 'Stopped') return undefined;",
        put: "if (group === undefined || !isByController || checkpoint.spec.group !== '') return undefined;",
      },
    ],
    finds: { invariants: [8], message: /goes on and its group .* is not back as a whole/ },
    world: { days: 2, rates: none, groups: true, seed: 5 },
  },
  'checkpoints stay on their node although there is a store': {
    cuts: [{ file: agent, take: 'this.#storer?.consider(checkpoint);', put: '' }],
    finds: { invariants: ['liveness'], message: /is not stored/ },
    world: { days: 0.5, rates: { ...none, store: {} } },
  },
  'an archive stays in the store when its checkpoint goes': {
    cuts: [{ file: keeper, take: 'await this.#parts.storer?.remove(checkpoint, signal);', put: '' }],
    finds: { invariants: ['liveness'], message: /the store still has/ },
    world: { days: 0.5, rates: { ...none, store: {} } },
  },
  'what was made on a node that is no more is never let go': {
    cuts: [
      { file: 'src/agent/carrier.ts', take: 'return this.#inherit(seen, nodeName, signal);', put: 'return undefined;' },
    ],
    finds: { invariants: ['liveness'], message: /is still being deleted/ },
    world: { days: 1, rates: { ...none, node: { lost: 4 } }, workloadsPerDay: 120 },
  },
  'what has rotted is not asked for in the store': {
    cuts: [
      {
        file: 'src/agent/opener.ts',
        take: 'if ((await this.#fetch(checkpoint, directory, signal)) !== undefined) throw error;',
        put: 'throw error;',
      },
    ],
    finds: { invariants: [4], message: /restores from it have failed/ },
    world: { days: 1, rates: { ...none, store: {}, disk: { rot: 0.3 } }, workloadsPerDay: 120 },
  },
  'an archive is made of what has rotted': {
    cuts: [
      {
        file: 'src/agent/storer.ts',
        take: 'await this.#verifySource(checkpoint, directory, archive, signal);',
        put: '',
      },
    ],
    finds: { invariants: [4], message: /restores from it have failed/ },
    world: {
      days: 2,
      rates: { ...none, store: { slow: 0.5, unreachable: 0.4 }, disk: { rot: 0.3 } },
      workloadsPerDay: 120,
    },
  },
  'what is stored is lost with its node': {
    cuts: [
      {
        file: 'src/agent/opener.ts',
        take: 'const failure = await this.#fetch(checkpoint, here, signal);',
        put: "const failure = signal.aborted ? await this.#fetch(checkpoint, here, signal) : 'no store';",
      },
    ],
    finds: { invariants: [4], message: /restores from it have failed/ },
    world: { days: 1, rates: { ...none, store: {}, node: { lost: 4 } }, workloadsPerDay: 120 },
  },
};
