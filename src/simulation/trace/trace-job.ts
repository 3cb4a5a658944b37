/** One job of a trace, or one a generator made. Seconds since the trace's own zero; sizes are those of the whole job. */
export interface TraceJob {
  /** As the trace names it. */
  readonly id: string;
  readonly submitSeconds: number;
  /** What it takes when nothing interrupts it. More than 0. */
  readonly runSeconds: number;
  /** The user's own estimate; absent: none was given. */
  readonly walltimeSeconds?: number;
  /** Processors (or GPUs, where a trace counts in those) in all. A pool of processors is shared by this number. */
  readonly processors: number;
  /** Pods that run it, each with an equal part of everything; default: as few as fit the nodes. */
  readonly tasks?: number;
  /** In all; absent: what the world assumes for a processor. */
  readonly memoryBytes?: number;
  /** Share of its memory, GPUs' included, that it uses at the start: that grows evenly to all of it at the end; absent: 1. */
  readonly startMemoryShare?: number;
  readonly gpus?: number;
  readonly gpuMemoryBytes?: number;
  /** The model of GPU it must have; absent: any. */
  readonly gpuModel?: string;
  readonly user: string;
  readonly queue?: string;
  /** Higher goes first; default 0. */
  readonly priority?: number;
  /** Mean share of its processors that it keeps busy, 0 to 1; absent: not known, taken as 1. */
  readonly usedShare?: number;
  /** Its use goes by the hour of the day; absent: evenly. */
  readonly useCurve?: 'diurnal';
  /** Somebody works with it: its processors are busy in bursts. `usedShare` is the mean of that. */
  readonly session?: Session;
  /** Content with room that others hold and do not use, where the policy can give it. */
  readonly isOpportunistic?: boolean;
  /** Seconds from its submission (a pipeline's step: from the end of the one before) by which it is to have ended. */
  readonly deadlineSeconds?: number;
  /** How long its dump takes, where that was measured; absent: what the world's costs say. */
  readonly dumpSeconds?: number;
  /** It serves, and keeps nothing: killed, it loses no work, and serves on elsewhere after its restart. */
  readonly isService?: boolean;
  /** False: it cannot be checkpointed. */
  readonly checkpointable?: boolean;
  /** Ids of the jobs that must have ended first (pipelines); they must stand earlier in the trace. */
  readonly after?: readonly string[];
}

/** A person at work: bursts with time to think between them, then nobody is there for a while; and again, from the start of the run on. Whole seconds. */
export interface Session {
  /** In a row; at least 1. */
  readonly bursts: number;
  /** More than 0. */
  readonly burstSeconds: number;
  readonly thinkSeconds: number;
  readonly idleSeconds: number;
}

/** A trace as its reader gives it: jobs by time of submission, those of one instant in the order of the file. */
export interface Trace {
  readonly jobs: TraceJob[];
  /** Processors that the trace says its machine had. */
  readonly processors?: number;
  readonly rejected: RejectionReport;
  /** Remarks that rejected nothing, e.g. how many lines stood out of order. */
  readonly warnings: readonly string[];
}

/** A line that became no job. */
export interface RejectedLine {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

export interface RejectionReport {
  readonly count: number;
  /** How many lines by the kind of their fault. */
  readonly byKind: Readonly<Record<string, number>>;
  /** The first of them; all went to the reader's `onRejected`. */
  readonly first: readonly RejectedLine[];
}
