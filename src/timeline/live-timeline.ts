import { type Pod, type PodCheckpoint, workloadOfPod } from '../model/index.ts';
import { type Stage, stageOf, type Transition } from './stage.ts';

/** Collects the stages of workloads as their objects change. Feed it every change in the order it is seen. */
export class LiveTimeline {
  readonly #pods = new Map<string, Pod>();
  readonly #checkpoints = new Map<string, PodCheckpoint>();
  readonly #current = new Map<string, string>();
  readonly transitions: Transition[] = [];
  /** Called at each change of stage. */
  onTransition: (transition: Transition) => void = () => undefined;

  podChanged(pod: Pod, at: number): void {
    this.#pods.set(pod.metadata.uid, pod);
    this.#update(pod, at);
  }

  podDeleted(pod: Pod, at: number): void {
    this.#pods.delete(pod.metadata.uid);
    const { stage } = stageOf(pod, this.#of(pod));
    // A checkpointed pod's place is taken by the next incarnation; until that shows, the workload is suspended.
    this.#enter(workloadOfPod(pod), stage === 'suspended' || stage === 'finished' ? stage : 'gone', undefined, at);
  }

  checkpointChanged(checkpoint: PodCheckpoint, at: number): void {
    this.#checkpoints.set(checkpoint.metadata.uid, checkpoint);
    for (const pod of this.#pods.values()) {
      if (this.#isSource(pod, checkpoint)) this.#update(pod, at);
    }
  }

  #update(pod: Pod, at: number): void {
    const { stage, node } = stageOf(pod, this.#of(pod));
    this.#enter(workloadOfPod(pod), stage, node, at);
  }

  #of(pod: Pod): PodCheckpoint[] {
    return [...this.#checkpoints.values()].filter((checkpoint) => this.#isSource(pod, checkpoint));
  }

  #isSource(pod: Pod, checkpoint: PodCheckpoint): boolean {
    return (checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid) === pod.metadata.uid;
  }

  #enter(workload: string, stage: Stage, node: string | undefined, at: number): void {
    const now = `${stage}@${node ?? ''}`;
    if (this.#current.get(workload) === now) return;
    this.#current.set(workload, now);
    const transition: Transition = { workload, at, stage, node };
    this.transitions.push(transition);
    this.onTransition(transition);
  }
}
