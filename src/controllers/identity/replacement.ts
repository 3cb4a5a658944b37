import {
  conditionOf,
  FIRST_ENQUEUED_ANNOTATION,
  isConditionTrue,
  type Pod,
  type PodCheckpoint,
} from '../../model/index.ts';
import { controllerOf, type PodMetadata, slotOf } from './slot.ts';
import { templateChange } from './template-change.ts';

/** A pod that is about to be created; with `generateName` it has no name yet. */
export type NewPod = Pick<Pod, 'spec'> & { metadata: PodMetadata };

/** A checkpoint of the new pod's namespace, and what the server says now about the pods at its both ends. */
export interface Candidate {
  checkpoint: PodCheckpoint;
  /** The checkpointed pod, while it is there. */
  sourcePod?: Pod;
  /** Whether the checkpointed pod still runs for its controller, is on its way out, or is gone. */
  source: 'Present' | 'Leaving' | 'Gone';
  /** Whether a pod goes on from it already, or was let in a moment ago and is not seen yet. */
  claim: 'Free' | 'UnderWay' | 'Taken';
}

/**
 * `Newcomer`: has nothing to do with what is suspended. `NextIncarnation`: goes on from the checkpoint. `Changed`: fills a
 * suspended slot with another program, so it starts from its image. `NotYet`: whether it goes on, and from what, shows in a
 * moment; it is refused, and its controller tries again.
 */
export type Replacement =
  | { type: 'Newcomer' }
  | { type: 'NextIncarnation'; checkpoint: PodCheckpoint }
  | { type: 'Changed'; checkpoint: PodCheckpoint; change: string }
  | { type: 'NotYet'; checkpoint: PodCheckpoint; why: string };

/** Whether the new pod is the next incarnation of a suspended workload: the slot is the identity. */
export function replacementOf(pod: NewPod, candidates: readonly Candidate[]): Replacement {
  const slot = slotOf(pod.metadata);
  const own = candidates
    .filter((candidate) => slotOfCheckpoint(candidate) === slot && isOpen(candidate))
    .sort((one, other) => placeOf(one).localeCompare(placeOf(other)));
  const free = own.filter(({ checkpoint, claim }) => claim === 'Free' && isReady(checkpoint));
  let changed: Extract<Replacement, { type: 'Changed' }> | undefined;
  for (const { checkpoint } of free) {
    const change = templateChange(checkpoint, pod);
    if (change === undefined) return { type: 'NextIncarnation', checkpoint };
    changed ??= { type: 'Changed', checkpoint, change };
  }
  const coming = own.find(({ checkpoint }) => !isReady(checkpoint));
  if (coming !== undefined) {
    return { type: 'NotYet', checkpoint: coming.checkpoint, why: 'its checkpoint is being made' };
  }
  const underWay = own.find(({ claim }) => claim === 'UnderWay');
  if (underWay !== undefined) {
    const why = 'another pod was just admitted in its place and is not seen yet';
    return { type: 'NotYet', checkpoint: underWay.checkpoint, why };
  }
  return changed ?? { type: 'Newcomer' };
}

/** Whether its workload may still go on from the checkpoint. */
export function isAwaited({ spec, status }: PodCheckpoint): boolean {
  if (spec.postCheckpointState !== 'Stopped' || spec.restore === 'Never') return false;
  const [ready, restored] = ['Ready', 'Restored'].map((type) => conditionOf(status?.conditions, type));
  if (ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced') return false;
  return restored?.status !== 'True' && restored?.reason !== 'Abandoned';
}

/** A pod that comes while the checkpointed one is still its controller's is one more, not another one in its place. */
function isOpen({ checkpoint, source, claim }: Candidate): boolean {
  return isAwaited(checkpoint) && source !== 'Present' && claim !== 'Taken';
}

function isReady({ status }: PodCheckpoint): boolean {
  return isConditionTrue(status?.conditions, 'Ready');
}

/** The template is recorded when the dump is verified; until then only the pod itself tells. */
function slotOfCheckpoint({ checkpoint, sourcePod }: Candidate): string | undefined {
  const { status, spec } = checkpoint;
  const metadata = (status?.checkpointedPodTemplate?.metadata ?? sourcePod?.metadata) as PodMetadata | undefined;
  return metadata === undefined ? undefined : slotOf({ ...metadata, name: spec.sourcePod.name });
}

/** Who came first goes on first, where the slots cannot be told apart. */
function placeOf({ checkpoint }: Candidate): string {
  const recorded = checkpoint.status?.checkpointedPodTemplate?.metadata as PodMetadata | undefined;
  const enqueued = recorded?.annotations?.[FIRST_ENQUEUED_ANNOTATION] ?? checkpoint.metadata.creationTimestamp;
  return `${enqueued} ${checkpoint.metadata.name}`;
}

/** As {@link Candidate.source}. `pod`: of the checkpoint's source's name, as the server has it; undefined: there is none. */
export function sourceState({ spec, status }: PodCheckpoint, pod: Pod | undefined): Candidate['source'] {
  const uid = status?.sourcePodUID ?? spec.sourcePod.uid;
  if (pod === undefined || (uid !== undefined && pod.metadata.uid !== uid)) return 'Gone';
  const recorded = status?.checkpointedPodTemplate?.metadata as PodMetadata | undefined;
  const left = recorded !== undefined && controllerOf(recorded)?.uid !== controllerOf(pod.metadata)?.uid;
  return left || pod.metadata.deletionTimestamp !== undefined ? 'Leaving' : 'Present';
}
