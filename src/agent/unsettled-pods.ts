/** The pods whose dumps are under way, or were when the agent died and are not recovered yet, and who waits for them. */
export class UnsettledPods {
  /** Pod UID → UIDs of the PodCheckpoints that are at it. */
  readonly #pods = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, Set<() => void>>();

  get isEmpty(): boolean {
    return this.#pods.size === 0;
  }

  has(podUid: string): boolean {
    return this.#pods.has(podUid);
  }

  /** Whether a checkpoint other than the given one is at the pod. */
  hasOther(podUid: string, checkpointUid: string): boolean {
    const jobs = this.#pods.get(podUid);
    return jobs !== undefined && (jobs.size > 1 || !jobs.has(checkpointUid));
  }

  add(podUid: string, checkpointUid: string): void {
    const jobs = this.#pods.get(podUid) ?? new Set();
    jobs.add(checkpointUid);
    this.#pods.set(podUid, jobs);
  }

  delete(podUid: string, checkpointUid: string): void {
    const jobs = this.#pods.get(podUid);
    jobs?.delete(checkpointUid);
    if (jobs === undefined || jobs.size > 0) return;
    this.#pods.delete(podUid);
    const waiting = this.#waiting.get(podUid) ?? [];
    this.#waiting.delete(podUid);
    for (const resolve of waiting) resolve();
  }

  /** Resolves as soon as nothing is at the pod; rejects with the signal's reason. */
  settled(podUid: string, signal: AbortSignal): Promise<void> {
    if (!this.#pods.has(podUid)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const waiting = this.#waiting.get(podUid) ?? new Set();
      this.#waiting.set(podUid, waiting);
      const done = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiting.delete(done);
        reject(signal.reason);
      };
      waiting.add(done);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
