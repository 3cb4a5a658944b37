import type { Stage } from '../world/stage.ts';
import { peakUse } from '../world/use.ts';
import { doneBy, memoryShareOf, type Work } from '../world/work.ts';
import type { World } from '../world/world.ts';

/** How often what pods use is told: twice in the engine's window of 600 s. */
const REPORT_SECONDS = 300;

/** How often it is told of memory that grows: so many times over the whole run. */
const GROWTH_REPORTS = 10;

/** Of one pod. */
export interface PodUsage {
  readonly cpuMillicores?: number;
  readonly memoryBytes: number;
  /** Absent: it has none. */
  readonly gpuMemoryBytes?: number;
}

/** Pods of a job by size: one a task; in a pool, where one pod stands for it, what one disk has to write. */
export function piecesOf({ job, shape }: Work, { isPool }: World): number {
  return isPool ? job.processors : shape.tasks;
}

/** What one of them uses now. */
export function memoryOf(work: Work, world: World, now: number): PodUsage {
  const pieces = piecesOf(work, world);
  const share = memoryShareOf(work, now);
  const gpu = work.job.gpuMemoryBytes ?? 0;
  const memoryBytes = ((work.imageBytes - gpu) * share) / pieces;
  return { memoryBytes, ...(gpu > 0 ? { gpuMemoryBytes: (gpu * share) / pieces } : {}) };
}

/**
 * Tells what running pods use, as metrics-server does: of those whose memory grows, and of all as long as there are opportunistic
 * jobs, whom it concerns.
 */
export class UsageReports {
  readonly #stage: Stage;
  readonly #report: (work: Work, usage: PodUsage) => void;
  #guests = 0;
  #isPlanned = false;

  constructor(stage: Stage, report: (work: Work, usage: PodUsage) => void) {
    this.#stage = stage;
    this.#report = report;
  }

  /** The job computes from now on. */
  began(work: Work): void {
    const { startMemoryShare = 1, runSeconds } = work.job;
    if (startMemoryShare === 1) return;
    const { turn } = work;
    this.#stage.alarm(this.#stage.now + runSeconds / GROWTH_REPORTS, () => {
      if (work.turn !== turn) return;
      this.#report(work, memoryOf(work, this.#stage.world, this.#stage.now));
      this.began(work);
    });
  }

  guestCame(): void {
    this.#guests++;
    this.#plan();
  }

  guestWent(): void {
    this.#guests--;
  }

  #plan(): void {
    if (this.#isPlanned || this.#guests === 0) return;
    this.#isPlanned = true;
    this.#stage.alarm(this.#stage.now + REPORT_SECONDS, () => {
      this.#isPlanned = false;
      const { now } = this.#stage;
      for (const work of this.#stage.placed) {
        if (work.phase !== 'running' || work.isGuest) continue;
        const { cpuMillicores, memoryBytes } = work.shape;
        const share = peakUse(work.job, { now, doneSeconds: doneBy(work, now) }, REPORT_SECONDS);
        this.#report(work, {
          cpuMillicores: cpuMillicores * share,
          memoryBytes: memoryBytes * memoryShareOf(work, now),
        });
      }
      this.#plan();
    });
  }
}
