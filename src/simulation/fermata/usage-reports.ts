import type { Stage } from '../world/stage.ts';
import { peakUse } from '../world/use.ts';
import { doneBy, type Work } from '../world/work.ts';

/** How often what pods use is told: twice in the engine's window of 600 s. */
const REPORT_SECONDS = 300;

/** Of one pod. */
export interface PodUsage {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
}

/** Tells what running pods use, as metrics-server does: as long as there are opportunistic jobs, whom it concerns. */
export class UsageReports {
  readonly #stage: Stage;
  readonly #report: (work: Work, usage: PodUsage) => void;
  #guests = 0;
  #isPlanned = false;

  constructor(stage: Stage, report: (work: Work, usage: PodUsage) => void) {
    this.#stage = stage;
    this.#report = report;
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
        this.#report(work, { cpuMillicores: cpuMillicores * share, memoryBytes });
      }
      this.#plan();
    });
  }
}
