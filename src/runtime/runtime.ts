import type { Pod } from '../model/index.ts';
import type { UpstreamRecord } from './kubelet/upstream-record.ts';
import type { DumpHindrance } from './probing/index.ts';

/**
 * The hands on one node. `PodRunner` runs pods (in a real cluster the kubelet does that), `PodCheckpointer` freezes and
 * thaws them. Implementations: `podman` (one machine), `simulated`; one compliance suite holds for both.
 */
export interface PodRunner {
  /**
   * Makes the pod's namespaces and containers without starting any. Idempotent by UID. Throws FermataError with code
   * `ImageNotFound`, `VolumeMissing`, `ContainerCreateFailed`.
   */
  createPod(pod: PodToRun, signal?: AbortSignal): Promise<void>;
  /** Starts a created container, or an exited one again (restart policy is the caller's business). */
  startContainer(uid: string, container: string, signal?: AbortSignal): Promise<void>;
  /**
   * Stops every container (SIGTERM, after `graceSeconds` SIGKILL), removes pod and containers, and resolves only when
   * they are seen gone. Idempotent; unknown UIDs resolve at once. Checkpoint directories stay.
   */
  removePod(uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** What truly exists on this node now, read from the system, not from memory. */
  list(signal?: AbortSignal): Promise<PodObservation[]>;
  /** UIDs of pods whose observation may have changed (a container exited, was started …); ends when aborted. */
  changes(signal: AbortSignal): AsyncIterable<string>;
  /** The container's log as written so far, then, with `follow`, as it grows until the container ends. */
  logs(uid: string, container: string, options: LogOptions): AsyncIterable<Uint8Array>;
}

export interface PodCheckpointer {
  /**
   * Dumps all containers of the pod into `directory` (made by the callee, 0700, absent before), one subfolder a container.
   * With `leaveRunning` the processes go on; else, **from the instant of the dump, no process of the pod runs again**.
   * On failure, timeout or abort every container runs on as before and `directory` is gone; one that was frozen
   * (`PodFreezer`) runs, too. Throws FermataError with
   * code `DumpFailed` (message: CRIU's own reason), `DumpTimeout`, `CheckpointUnsupported`, `ConnectionsOutside`, `PodNotRunning`.
   */
  checkpointPod(uid: string, options: CheckpointOptions): Promise<DumpReport>;
  /**
   * Makes the pod and brings its containers to life from `directory` instead of from their images. On failure nothing of
   * the pod is left. Throws FermataError `RestoreFailed` (message: CRIU's own reason), or as `createPod`.
   */
  restorePod(pod: PodToRun, directory: string, options?: RestoreOptions): Promise<void>;
  /**
   * Called once when the agent starts, for a dump that a crash may have cut: waits for orphaned dumps of the pod to end
   * and says what became of it. `running`: nothing happened, or it was undone. `dumped`: `directory` is complete and no
   * process runs. `lost`: neither (the pod must be started anew). With `decide` a complete dump whose processes stand still is
   * held until it is answered; then `dumped` is said of a pod that is to run on as well.
   */
  recoverDump(uid: string, options: CheckpointOptions): Promise<'running' | 'dumped' | 'lost'>;
  /** Before `directory` of a dump is removed: removes what of it lies elsewhere. Idempotent; absent where nothing ever does. */
  discardDump?(directory: string): Promise<void>;
}

/** Takes the processor away from pods and gives it back, without a dump; their memory stays where it is. */
export interface PodFreezer {
  /**
   * Every process of the pod stands still when this resolves, until it is thawed, dumped or removed. To who looks it runs.
   * Idempotent; a pod with nothing to freeze, or behind its dump, is left as it is.
   */
  freezePod(uid: string, signal?: AbortSignal): Promise<void>;
  /** Lets it go on, unless it stands still for its dump. Idempotent; unknown UIDs resolve at once. */
  thawPod(uid: string, signal?: AbortSignal): Promise<void>;
}

export interface DumpForecaster {
  /**
   * Why these pods, which run, cannot be dumped, as far as their processes and the node tell, by pod UID; a pod of which nothing is
   * known has no entry. Looks on, and disturbs nobody. Rejects when the node does not answer.
   */
  hindrances(pods: readonly Pod[], signal: AbortSignal): Promise<ReadonlyMap<string, DumpHindrance>>;
}

export type Runtime = PodRunner &
  PodCheckpointer &
  PodFreezer &
  Partial<DumpForecaster> & { readonly name: RuntimeName; stop(): Promise<void> };
export type RuntimeName = 'podman' | 'simulated';

export interface PodToRun {
  pod: Pod;
  /** Volume name → folder on the host, made and filled by the caller (ConfigMaps, Secrets, emptyDirs, hostPaths). */
  volumes: Readonly<Record<string, string>>;
  /** Container name → environment, with every `valueFrom` and `envFrom` resolved by the caller. */
  environment: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface CheckpointOptions {
  /** Absolute; its parent exists. */
  directory: string;
  leaveRunning: boolean;
  timeoutMilliseconds: number;
  signal?: AbortSignal;
  /** Default: they are kept. */
  outside?: OutsideConnections;
  /**
   * The kubelet's own `PodCheckpoint` may hold the data (KEP-5823), where node and server have such, so that the pod can be restored by
   * it on this node only. Not together with `decide`. Default: it may not.
   */
  upstream?: boolean;
  /**
   * Called, where there is something to gain by it, when the images of all containers are complete, and before the dump as a
   * whole is: it may still fail. Must not throw.
   */
  onImages?: () => void;
  /**
   * Makes the dump the first phase of a commit in two. Called when the images of all containers are complete and every
   * process of the pod stands still; it is held so, neither timeout nor `signal` ending that, until the answer comes. True: the dump
   * counts. False: it is undone, and `checkpointPod` throws `DumpRefused`. A rejection leaves open what becomes of the dump: it stays
   * held, the rejection is passed on, and `recoverDump` takes it up.
   */
  decide?: (held: HeldDump) => Promise<boolean>;
}

/** What becomes of the pod's TCP connections to others than itself and the pods that are checkpointed with it. */
export interface OutsideConnections {
  /**
   * `Keep`: as far as its address comes back with it, they go on. `Close`: they are closed when it is restored. `Refuse`: there is no
   * checkpoint while it has one.
   */
  policy: 'Keep' | 'Close' | 'Refuse';
  /** Addresses of the pods that are checkpointed with it. Connections to these are kept. */
  members: readonly string[];
}

export interface RestoreOptions {
  signal?: AbortSignal;
  /**
   * Called when every container is back and before any of them runs; no TCP passes to or from the pod while it is waited for. When it
   * resolves they run. When it rejects, nothing of the pod is left, and `restorePod` rejects with the same. When the orderer is
   * killed meanwhile, they stand still until `restorePod` is called again, which asks anew.
   */
  hold?: () => Promise<void>;
  /** Told, in a sentence, what of the pod could not be brought back as it was although its processes were: its connections. */
  onLoss?: (what: string) => void;
}

export interface HeldDump {
  /** Whether the processes were seen standing still: false only where a crash came between the answer and what follows from it. */
  still: boolean;
  /** Absent in `recoverDump`. */
  report?: DumpReport;
}

export interface DumpReport {
  containers: ContainerDump[];
  /**
   * Resolves when the processes of a pod that was stopped are seen gone. Before, they are killed already and execute nothing
   * any more, but the kernel may still be taking back their memory. Absent: they are gone, or were to run on.
   */
  ended?: Promise<void>;
  /** The kubelet's own `PodCheckpoint` holds the data, and keeps CRIU's numbers to itself: `containers` is empty, `directory` has a note. */
  upstream?: UpstreamRecord;
}

export interface ContainerDump {
  name: string;
  image: string;
  sizeBytes: number;
  /** From CRIU's `stats-dump`, microseconds; absent only for the simulated runtime's zero-cost dumps. */
  freezingMicroseconds: number;
  frozenMicroseconds: number;
  memdumpMicroseconds: number;
  memwriteMicroseconds: number;
}

export interface PodObservation {
  uid: string;
  namespace: string;
  name: string;
  /** Address inside the pod network; absent when the pod has loopback only. */
  podIP?: string;
  containers: ContainerObservation[];
}

export interface ContainerObservation {
  name: string;
  /** Runtime's id, e.g. `podman://<64 hex>`. */
  id: string;
  image: string;
  imageID?: string;
  /** `frozen`: stopped by a dump (its checkpoint exists), it never runs again by itself. */
  state: 'created' | 'running' | 'exited' | 'frozen';
  /** ms since the epoch. */
  startedAt?: number;
  finishedAt?: number;
  exitCode?: number;
  /** Resident memory, bytes, while running; absent when unknown. */
  memoryBytes?: number;
  /** `OOMKilled` when the memory limit ended it. */
  reason?: string;
  /**
   * Of a pod that was restored, or is to be: this container had ended before the dump. Nothing of it was brought back, and what
   * ran of it since, if anything, was started anew.
   */
  endedBeforeDump?: true;
}

export interface LogOptions {
  follow?: boolean;
  /** Log of the run before the last restart. */
  previous?: boolean;
  tailLines?: number;
  /** ms since the epoch. */
  since?: number;
  timestamps?: boolean;
  limitBytes?: number;
  signal?: AbortSignal;
}
