import type { Random } from '../../clock/index.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { Chance } from './chance.ts';

export interface LublinOptions {
  readonly jobs: number;
  /** Of the machine: no job is larger. */
  readonly processors: number;
  /** Offered work ÷ capacity; arrivals are stretched to it. Absent: as the model has them. */
  readonly load?: number;
}

/** Constants of the model for jobs without a type (Lublin and Feitelson 2003, and their program lublin99.c). */
const SERIAL_SHARE = 0.244;
const POWER_OF_TWO_SHARE = 0.576;
const LOW_LOG_SIZE = 0.8;
/** The middle of the two-stage uniform lies so much below the logarithm of the machine. */
const MIDDLE_BELOW_LOG_SIZE = 2.5;
const LOW_STAGE_SHARE = 0.86;
const RUN_SHORT = { shape: 4.2, scale: 0.94 };
const RUN_LONG = { shape: 312, scale: 0.03 };
/** Share of the short ones: `slope × processors + intercept`. */
const SHORT_SHARE = { slope: -0.0054, intercept: 0.78 };
const LONGEST_LOG_RUN = 12;
const BETWEEN_ARRIVALS = { shape: 10.2303 * 1.0225, scale: 0.4871 };
const LONGEST_LOG_GAP = 13;
/** How arrivals spread over the day: a gamma density over half hours since midnight; the day goes from 5:00 to 5:00. */
const DAY = { shape: 8.1737, scale: 3.9631, begins: 10 };
const SLOTS = 48;
const SLOT_SECONDS = 1_800;
const USERS = 60;
/** Users ask for more than they need: most for several times as much (Mu'alem and Feitelson 2001). */
const OVERESTIMATES = [1, 1.2, 1.5, 2, 3, 5, 10] as const;

/** A log of a batch machine after the model of Lublin and Feitelson (JPDC 2003). It begins at midnight. Users and walltimes are added to it. */
export function generateLublin({ jobs, processors, load }: LublinOptions, random: Random): TraceJob[] {
  const chance = new Chance(random);
  const arrivals = new Arrivals(chance);
  const made = Array.from({ length: jobs }, (_, index): TraceJob => {
    const size = sizeOf(chance, processors);
    const runSeconds = runOf(chance, size);
    const over = chance.pick(...OVERESTIMATES);
    return {
      id: String(index + 1),
      submitSeconds: arrivals.next(),
      runSeconds,
      processors: size,
      walltimeSeconds: Math.ceil((runSeconds * over) / 300) * 300,
      user: `user${Math.min(USERS, 1 + Math.floor(chance.exponential(USERS / 4)))}`,
    };
  });
  return load === undefined ? made : atLoad(made, processors, load);
}

/** Stretches or squeezes arrivals until the jobs offer that load. */
export function atLoad(jobs: readonly TraceJob[], processors: number, load: number): TraceJob[] {
  const work = jobs.reduce((sum, job) => sum + job.processors * job.runSeconds, 0);
  const first = jobs[0]?.submitSeconds ?? 0;
  const span = (jobs.at(-1)?.submitSeconds ?? 0) - first;
  const factor = span > 0 ? work / processors / load / span : 1;
  return jobs.map((job) => ({ ...job, submitSeconds: Math.round((job.submitSeconds - first) * factor) }));
}

function sizeOf(chance: Chance, processors: number): number {
  if (chance.happens(SERIAL_SHARE)) return 1;
  const high = Math.log2(processors);
  const middle = Math.max(LOW_LOG_SIZE, high - MIDDLE_BELOW_LOG_SIZE);
  const log = chance.happens(LOW_STAGE_SHARE) ? chance.uniform(LOW_LOG_SIZE, middle) : chance.uniform(middle, high);
  const isPower = chance.happens(POWER_OF_TWO_SHARE / (1 - SERIAL_SHARE));
  return Math.min(processors, Math.max(1, Math.round(2 ** (isPower ? Math.round(log) : log))));
}

function runOf(chance: Chance, size: number): number {
  const share = Math.min(1, Math.max(0, SHORT_SHARE.slope * size + SHORT_SHARE.intercept));
  for (;;) {
    const { shape, scale } = chance.happens(share) ? RUN_SHORT : RUN_LONG;
    const log = chance.gamma(shape, scale);
    if (log <= LONGEST_LOG_RUN) return Math.max(1, Math.round(Math.exp(log)));
  }
}

/** Times of submission with the model's daily cycle. */
class Arrivals {
  readonly #chance: Chance;
  readonly #weights: number[];
  #slot = 0;
  #slotBegan = 0;
  /** Part of the slot that has passed. */
  #passed = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
    const density = Array.from({ length: SLOTS }, (_, slot) => {
      const at = slot + 1 + (slot < DAY.begins ? SLOTS : 0);
      return at ** (DAY.shape - 1) * Math.exp(-at / DAY.scale);
    });
    const mean = density.reduce((sum, one) => sum + one, 0) / SLOTS;
    this.#weights = density.map((one) => one / mean);
  }

  next(): number {
    let points = this.#points();
    for (;;) {
      const weight = this.#weights[this.#slot] ?? 1;
      const left = weight * (1 - this.#passed);
      if (points < left) {
        this.#passed += points / weight;
        return Math.round(this.#slotBegan + this.#passed * SLOT_SECONDS);
      }
      points -= left;
      this.#slot = (this.#slot + 1) % SLOTS;
      this.#slotBegan += SLOT_SECONDS;
      this.#passed = 0;
    }
  }

  /** Time to the next arrival, in slots of mean business. */
  #points(): number {
    for (;;) {
      const log = this.#chance.gamma(BETWEEN_ARRIVALS.shape, BETWEEN_ARRIVALS.scale);
      if (log <= LONGEST_LOG_GAP) return Math.exp(log) / SLOT_SECONDS;
    }
  }
}
