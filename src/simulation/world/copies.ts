import type { Traffic } from '../traffic.ts';
import type { SharedLink, Transfer } from './shared-link.ts';
import type { Part, Work } from './work.ts';

/** The data of a job's newest checkpoint. */
interface Copy {
  /** Tasks whose data lies on a node's disk, by node. */
  readonly tasksOn: ReadonlyMap<number, number>;
  readonly bytes: number;
  /** Absent: a node that holds it is away, or it is in the store. */
  upload: Transfer | undefined;
  isStored: boolean;
  readonly waiting: (() => void)[];
}

/**
 * Where the newest checkpoints are, in a world with a store: on the disks of the nodes that dumped them at once, and, uploaded in
 * the background, in the store, from where other nodes fetch them. Uploads and fetches share the store's bandwidth.
 */
export class Copies {
  readonly #store: SharedLink;
  readonly #copies = new Map<Work, Copy>();
  /** Nodes that failed and are not back. One that is drained is still there to upload from. */
  readonly #away = new Set<number>();
  readonly #traffic: Traffic;
  readonly #now: () => number;
  readonly #stored: (work: Work) => void;

  /** @param stored told when a checkpoint is in the store */
  constructor(store: SharedLink, traffic: Traffic, now: () => number, stored: (work: Work) => void) {
    this.#store = store;
    this.#traffic = traffic;
    this.#now = now;
    this.#stored = stored;
  }

  /** A dump of `bytes` is complete on the disks of these nodes: its upload begins, that of the one before is over. */
  made(work: Work, parts: readonly Part[], bytes: number): void {
    this.dropped(work);
    const tasksOn = new Map<number, number>();
    for (const { node, tasks } of parts) tasksOn.set(node, (tasksOn.get(node) ?? 0) + tasks);
    const copy: Copy = { tasksOn, bytes, upload: undefined, isStored: false, waiting: [] };
    this.#copies.set(work, copy);
    this.#upload(work, copy);
  }

  dropped(work: Work): void {
    const copy = this.#copies.get(work);
    if (copy?.upload !== undefined) this.#store.cancel(copy.upload, this.#now());
    this.#copies.delete(work);
  }

  /** Share of the data that lies on none of the nodes where the job has room now. */
  missingShare(work: Work): number {
    const copy = this.#copies.get(work);
    if (copy === undefined) return 0;
    let here = 0;
    for (const { node, tasks } of work.parts) here += Math.min(tasks, copy.tasksOn.get(node) ?? 0);
    return Math.max(0, 1 - here / work.shape.tasks);
  }

  /** Fetches a share of the data from the store, as soon as it is there; void when the job's phase is over before. */
  fetch(work: Work, share: number, done: () => void): void {
    const copy = this.#copies.get(work);
    if (copy === undefined) return;
    const { turn } = work;
    const begin = (): void => {
      if (work.turn !== turn) return;
      const bytes = copy.bytes * share;
      const began = this.#now();
      this.#store.begin(bytes, began, () => {
        this.#traffic.moved('fetch', bytes, began, this.#now());
        if (work.turn === turn) done();
      });
    };
    if (copy.isStored) begin();
    else copy.waiting.push(begin);
  }

  /** A node failed: what is still to be uploaded from it begins anew when it is back. */
  nodeWent(node: number): void {
    this.#away.add(node);
    for (const copy of this.#copies.values()) {
      if (copy.upload === undefined || !copy.tasksOn.has(node)) continue;
      this.#store.cancel(copy.upload, this.#now());
      copy.upload = undefined;
    }
  }

  nodeCame(node: number): void {
    if (!this.#away.delete(node)) return;
    for (const [work, copy] of this.#copies) {
      if (!copy.isStored && copy.upload === undefined && copy.tasksOn.has(node)) this.#upload(work, copy);
    }
  }

  #upload(work: Work, copy: Copy): void {
    if ([...copy.tasksOn.keys()].some((node) => this.#away.has(node))) return;
    const began = this.#now();
    copy.upload = this.#store.begin(copy.bytes, began, () => {
      this.#traffic.moved('upload', copy.bytes, began, this.#now());
      copy.upload = undefined;
      copy.isStored = true;
      for (const begin of copy.waiting) begin();
      this.#stored(work);
    });
  }
}
