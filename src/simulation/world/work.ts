import type { TraceJob } from '../trace/trace-job.ts';
import { imageBytesOf, shapeOf, type TaskShape, type World } from './world.ts';

/**
 * `waiting`: for room, from its last checkpoint on. `gathering`: some of its tasks have room. `restoring`, `restarting`: has
 * its room and does not compute yet. `dumping`: frozen. `paused`: gave up its processors, keeps its memory. `asleep`: a session
 * that was checkpointed because it was idle, until its next burst.
 */
export type Phase =
  | 'announced'
  | 'waiting'
  | 'gathering'
  | 'restoring'
  | 'restarting'
  | 'running'
  | 'dumping'
  | 'paused'
  | 'asleep'
  | 'ended'
  | 'rejected';

/** `stop`: its room is wanted by others; `migrate`: it goes on elsewhere; `go on`: right here; `sleep`: when it has to do again. */
export type AfterDump = 'stop' | 'migrate' | 'go on' | 'sleep';

/** Tasks of a job on one node. */
export interface Part {
  readonly node: number;
  readonly tasks: number;
  readonly sinceSeconds: number;
}

/** A job in the simulated world. */
export interface Work {
  readonly index: number;
  readonly job: TraceJob;
  readonly shape: TaskShape;
  /** What a dump of the whole job writes when it uses all of its memory. */
  readonly imageBytes: number;
  phase: Phase;
  parts: Part[];
  /** Seconds of its run time that are done, as at `sinceSeconds`. */
  doneSeconds: number;
  /** Seconds of its run time that the newest checkpoint holds; 0: there is none. */
  savedSeconds: number;
  /** Bytes of that checkpoint. */
  savedBytes: number;
  /** When the present phase began. */
  sinceSeconds: number;
  /** When it began to compute in this incarnation. */
  startedSeconds: number;
  /** Times it was killed since it last computed: it starts anew. */
  wasKilled: boolean;
  interruptions: number;
  /** It has room that others hold and do not use: it takes none from anybody. */
  isGuest: boolean;
  /** What follows the dump under way. */
  afterDump: AfterDump;
  /** Since when its user waits for it to be awake again; undefined: nobody does. */
  wantedSince: number | undefined;
  /** Counts phases: what was planned in an earlier one is void. */
  turn: number;
}

export function priorityOf({ job }: Work): number {
  return job.priority ?? 0;
}

/** What a planner may believe of the whole run time, seconds. */
export function estimateOf({ job }: Work): number {
  return Math.max(job.runSeconds, job.walltimeSeconds ?? job.runSeconds);
}

/** Seconds of the run time that are done by now. */
export function doneBy(work: Work, now: number): number {
  return work.phase === 'running' ? work.doneSeconds + (now - work.sinceSeconds) : work.doneSeconds;
}

/** Share of its memory that it uses now, by its progress. */
export function memoryShareOf(work: Work, now: number): number {
  const { startMemoryShare: start = 1, runSeconds } = work.job;
  return start + (1 - start) * (doneBy(work, now) / runSeconds);
}

/** What a dump of the whole job writes now. */
export function dumpBytesOf(work: Work, now: number): number {
  return Math.round(work.imageBytes * memoryShareOf(work, now));
}

/** For how long it has computed since it began or came back. */
export function ranSeconds({ phase, startedSeconds }: Work, now: number): number {
  return phase === 'running' || phase === 'dumping' ? now - startedSeconds : 0;
}

/** When it ends, by its estimate, if nothing interrupts it. */
export function expectedEnd(work: Work, now: number): number {
  return now + Math.max(0, estimateOf(work) - doneBy(work, now));
}

/** Disks that hold a part of the job: in a pool every processor has one. */
export function disksOf({ job, parts }: Work, { isPool }: World): number {
  return isPool ? job.processors : Math.max(1, new Set(parts.map(({ node }) => node)).size);
}

export function isCheckpointable({ job }: Work): boolean {
  return job.checkpointable !== false;
}

/** The job before it is submitted. */
export function workOf(job: TraceJob, index: number, world: World): Work {
  return {
    index,
    job,
    shape: shapeOf(job, world),
    imageBytes: imageBytesOf(job, world),
    phase: 'announced',
    parts: [],
    doneSeconds: 0,
    savedSeconds: 0,
    savedBytes: 0,
    sinceSeconds: 0,
    startedSeconds: 0,
    wasKilled: false,
    interruptions: 0,
    isGuest: false,
    afterDump: 'stop',
    wantedSince: undefined,
    turn: 0,
  };
}
