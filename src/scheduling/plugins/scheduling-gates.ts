import { HELD_ANNOTATION } from '../../model/index.ts';
import type { Gate, PreEnqueuePlugin } from '../framework/phases.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** Keeps out pods with `spec.schedulingGates` (KEP-3521), or with the annotation that stands for them on older servers. */
export class SchedulingGates implements PreEnqueuePlugin {
  readonly name = 'SchedulingGates';

  preEnqueue(pod: PodInfo): Gate | undefined {
    const gates = pod.pod.spec.schedulingGates ?? [];
    const held = pod.pod.metadata.annotations?.[HELD_ANNOTATION];
    if (held !== undefined) return { plugin: this.name, message: `held: ${held}` };
    if (gates.length === 0) return undefined;
    return { plugin: this.name, message: `waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]` };
  }
}
