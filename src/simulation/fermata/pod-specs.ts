import type { PodSpec } from '../../model/index.ts';
import type { Work } from '../world/work.ts';
import { priorityOf } from '../world/work.ts';
import { specObject } from './objects.ts';

/** Traces with more kinds of jobs have hardly two alike. */
const MOST_SPECS = 1_000;

/** Specs of pods, one object for all that are alike: they are most of what a pod takes, and of a million jobs a few hundred differ. */
export class PodSpecs {
  readonly #known = new Map<string, PodSpec>();

  /** @param cpuMillicores of one pod */
  of(work: Work, cpuMillicores: number): PodSpec {
    const { memoryBytes, gpuMillis, gpuModel = '' } = work.shape;
    const key = `${cpuMillicores} ${memoryBytes} ${gpuMillis} ${gpuModel} ${priorityOf(work)} ${work.isGuest}`;
    let spec = this.#known.get(key);
    if (spec === undefined) {
      if (this.#known.size >= MOST_SPECS) this.#known.clear();
      spec = specObject(work, cpuMillicores);
      this.#known.set(key, spec);
    }
    return spec;
  }
}
