import type { TraceJob } from './trace/trace-job.ts';

/** Which jobs wait for others to have ended. Jobs are indices into the trace. */
export class Precedence {
  readonly #followers: ReadonlyMap<number, readonly number[]>;
  /** By follower: how many it still waits for. */
  readonly #open = new Map<number, number>();

  constructor(jobs: readonly TraceJob[]) {
    this.#followers = followersOf(jobs);
    for (const followers of this.#followers.values()) {
      for (const follower of followers) this.#open.set(follower, (this.#open.get(follower) ?? 0) + 1);
    }
  }

  /** Whether it waits for others, or did. */
  isLed(index: number): boolean {
    return this.#open.has(index);
  }

  /** The job ended or was rejected. @returns who waits for nobody any more */
  over(index: number): number[] {
    const ready: number[] = [];
    for (const follower of this.#followers.get(index) ?? []) {
      const left = (this.#open.get(follower) ?? 1) - 1;
      this.#open.set(follower, left);
      if (left === 0) ready.push(follower);
    }
    return ready;
  }
}

/** By job: when it could start, had it had room: at its submission, after others when the last of those ended. */
export function readyTimes(jobs: readonly TraceJob[], endSeconds: Float64Array): Float64Array {
  const ready = Float64Array.from(jobs, ({ submitSeconds }) => submitSeconds);
  for (const [before, followers] of followersOf(jobs)) {
    const end = endSeconds[before] ?? Number.NaN;
    // Who was rejected never ended.
    if (Number.isNaN(end)) continue;
    for (const index of followers) ready[index] = Math.max(ready[index] ?? 0, end);
  }
  return ready;
}

function followersOf(jobs: readonly TraceJob[]): Map<number, number[]> {
  const followers = new Map<number, number[]>();
  if (!jobs.some((job) => job.after !== undefined)) return followers;
  const indexOf = new Map<string, number>();
  for (const [index, { id, after = [] }] of jobs.entries()) {
    for (const before of new Set(after)) {
      const place = indexOf.get(before);
      if (place === undefined) continue;
      const known = followers.get(place);
      if (known === undefined) followers.set(place, [index]);
      else known.push(index);
    }
    indexOf.set(id, index);
  }
  return followers;
}
