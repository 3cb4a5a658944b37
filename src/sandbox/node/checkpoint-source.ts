import type { Pod } from '../../model/index.ts';

/**
 * What a node needs from whoever makes and keeps checkpoints (the agent of the same node). A pod that is being dumped,
 * or whose dump a crash may have cut, must be left alone until that is settled: what looks like a crashed container may
 * be a dumped one.
 */
export interface CheckpointSource {
  /** Whether a dump of the pod is under way, or was and has not been recovered since the last start. */
  dumping(podUid: string): boolean;
  /** Resolves as soon as {@link dumping} is false (at once when it is); rejects with the signal's reason. */
  settled(podUid: string, signal: AbortSignal): Promise<void>;
  /**
   * Brings the data of the PodCheckpoint of that name (in the pod's namespace) to this node and verifies it. Throws
   * FermataError: `CheckpointNotReady`, `CheckpointMissing`, `CheckpointCorrupt`.
   */
  open(pod: Pod, checkpointName: string, signal: AbortSignal): Promise<OpenCheckpoint>;
  /** Name of the policy by which containers of the pod that crash start from their image; undefined: they go back to a checkpoint. */
  restartsFromImage(pod: Pod, signal: AbortSignal): Promise<string | undefined>;
  /** The newest checkpoint that was taken of this very pod while it ran; undefined: there is none. */
  newestOf(pod: Pod, signal: AbortSignal): Promise<string | undefined>;
  /**
   * The pod runs again. Idempotent; `milliseconds`, from the order to the runtime to running, is unknown when a node
   * finds that out only after it was started again itself.
   */
  restored(pod: Pod, checkpointName: string, milliseconds: number | undefined): Promise<void>;
  /**
   * The pod is given up here before it ran again, for a reason of its own: a group it belongs to does not come back now. Said
   * before anybody else hears of the failure; a server that does not answer is no reason to fail.
   */
  restoreFailed(pod: Pod, checkpointName: string, reason: string, signal: AbortSignal): Promise<void>;
}

export interface OpenCheckpoint {
  /** Absolute: what the runtime restores from. */
  directory: string;
  /** Puts what the pod's `emptyDir` volumes held at the dump into the new folders (volume name → folder). */
  fillVolumes(folders: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /**
   * Of a pod that comes back together with others: resolves when it may run, since all of them are back. Rejects with FermataError
   * `RestoreRefused` when they are not to. Absent: it may run as soon as it is back.
   */
  hold?(signal: AbortSignal): Promise<void>;
}
