import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { CPU, MEMORY } from '../snapshot/resource-space.ts';
import { wantsOf } from './opportunistic.ts';
import { type Usage, UsageWindow } from './usage-window.ts';

/** What pods were seen to consume, and what can be relied on to be left of a node. */
export class NodeUse {
  readonly #windowMs: number;
  readonly #margin: number;
  readonly #windows = new Map<string, UsageWindow>();

  /** @param margin what a pod may consume beyond its peak, as part of the peak */
  constructor(windowMs: number, margin: number) {
    this.#windowMs = windowMs;
    this.#margin = margin;
  }

  observe(podUID: string, usage: Usage, now: number): void {
    let window = this.#windows.get(podUID);
    if (window === undefined) {
      window = new UsageWindow(this.#windowMs);
      this.#windows.set(podUID, window);
    }
    window.observe(usage, now);
  }

  forget(podUID: string): void {
    this.#windows.delete(podUID);
  }

  /**
   * What an ordinary pod is expected to consume: its peak and a margin once it was watched through a whole window; until
   * then, and when the measurements cease, its requests or its peak, whichever is more.
   */
  expectedOf(pod: PodInfo, now: number): Usage {
    const window = this.#windows.get(pod.uid);
    const peak = window?.peak(now);
    const factor = 1 + this.#margin;
    if (peak !== undefined) return { cpu: peak.cpu * factor, memory: peak.memory * factor };
    const known = window?.known(now) ?? { cpu: 0, memory: 0 };
    return {
      cpu: Math.max(pod.requests[CPU] ?? 0, known.cpu * factor),
      memory: Math.max(pod.requests[MEMORY] ?? 0, known.memory * factor),
    };
  }

  /** What of the node ordinary pods leave to opportunistic ones: those there, and those promised room there. */
  leftOf(node: NodeInfo, now: number): Usage {
    let cpu = node.allocatable[CPU] ?? 0;
    let memory = node.allocatable[MEMORY] ?? 0;
    const take = (use: Usage): void => {
      cpu -= use.cpu;
      memory -= use.memory;
    };
    for (const pod of node.pods.values()) if (wantsOf(pod) === undefined) take(this.expectedOf(pod, now));
    for (const pod of node.nominated) {
      if (!node.pods.has(pod.uid) && wantsOf(pod) === undefined) take(this.expectedOf(pod, now));
    }
    return { cpu, memory };
  }
}
