import type { Gate, PreEnqueuePlugin } from '../framework/phases.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** Keeps out pods with `spec.schedulingGates` (KEP-3521). */
export class SchedulingGates implements PreEnqueuePlugin {
  readonly name = 'SchedulingGates';

  preEnqueue(pod: PodInfo): Gate | undefined {
    const gates = pod.pod.spec.schedulingGates ?? [];
    if (gates.length === 0) return undefined;
    return { plugin: this.name, message: `waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]` };
  }
}
