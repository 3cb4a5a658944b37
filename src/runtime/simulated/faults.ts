/**
 * What may go wrong in the simulated runtime, decided by whoever injects it (a test, the soak harness), attempt by
 * attempt. Absent hooks and `undefined` mean: all goes well.
 */
export interface SimulatedFaults {
  onCreate?(attempt: PodAttempt): PlainFault | undefined;
  onStart?(attempt: ContainerAttempt): PlainFault | undefined;
  onDump?(attempt: DumpAttempt): DumpFault | undefined;
  onRestore?(attempt: RestoreAttempt): RestoreFault | undefined;
}

export interface PodAttempt {
  uid: string;
  namespace: string;
  name: string;
}

export interface ContainerAttempt extends PodAttempt {
  container: string;
}

export interface DumpAttempt extends PodAttempt {
  directory: string;
  leaveRunning: boolean;
  memoryBytes: number;
}

export interface RestoreAttempt extends PodAttempt {
  directory: string;
}

export type PlainFault =
  | { kind: 'fail'; reason: string }
  /** It takes so much longer. */
  | { kind: 'slow'; milliseconds: number };

export type DumpFault =
  /** CRIU gives up with this reason after the given part (0–1, default 0.5) of the time; the processes go on. */
  | { kind: 'fail'; reason: string; after?: number }
  /** CRIU gives up, and the processes are dead. */
  | { kind: 'kill'; reason: string }
  /** It never ends by itself. */
  | { kind: 'hang' }
  | { kind: 'slow'; milliseconds: number }
  /** It reports success; half of every file is missing. */
  | { kind: 'half-written' }
  /** It reports success, the processes are stopped, and there is no image (as in OpenPBS). */
  | { kind: 'no-image' }
  /** It reports success, and the processes run on although they were to be stopped. */
  | { kind: 'run-on' };

export type RestoreFault =
  | { kind: 'fail'; reason: string; after?: number }
  | { kind: 'hang' }
  | { kind: 'slow'; milliseconds: number }
  /** It comes up, and dies after so long. */
  | { kind: 'die'; milliseconds: number; exitCode?: number };
