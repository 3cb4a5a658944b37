import type { DemoRun } from '../demo/index.ts';
import { renderTimeline, type Stage, type Transition } from '../timeline/index.ts';

const WORDS: Record<Stage, string> = {
  waiting: 'waits for room',
  running: 'runs',
  checkpointing: 'is being checkpointed: frozen in the middle of its work',
  suspended: 'is suspended: its state is saved, its room is free',
  restoring: 'is being restored',
  finished: 'is done',
  gone: 'was killed: what it computed is lost',
};
/** While it still, or already, holds its place on a node. */
const WORDS_ON_NODE: Partial<Record<Stage, string>> = {
  waiting: 'has its place and is being started',
  suspended: 'is saved; its place is being cleared',
};
const REDRAW_MILLISECONDS = 200;

interface Screen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** What a person sees of the demo: on a terminal a timeline that grows, elsewhere a line at each change; then a summary. */
export class DemoScreen {
  readonly #screen: Screen;
  readonly #transitions: Transition[] = [];
  #redraw: NodeJS.Timeout | undefined;
  #drawnLines = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  headline(runtime: string, simulatedBecause: string | undefined, memoryMebibytes: number): void {
    const lines =
      simulatedBecause === undefined
        ? [`Runtime: ${runtime}. Real containers on this machine, checkpointed by CRIU.`]
        : [
            `Runtime: simulated (${simulatedBecause}). No container runs and nothing is dumped: what you see is imagined.`,
          ];
    lines.push(
      `A pod computes; it holds ${memoryMebibytes} MiB and its count of steps in memory only. An urgent pod needs its room.`,
      '',
    );
    this.#screen.write(`${lines.join('\n')}\n`);
  }

  start(): void {
    if (this.#screen.isTTY !== true) return;
    this.#redraw = setInterval(() => this.#draw(), REDRAW_MILLISECONDS);
  }

  transition(transition: Transition): void {
    this.#transitions.push(transition);
    if (this.#screen.isTTY === true) return;
    const first = this.#transitions[0]?.at ?? transition.at;
    const seconds = ((transition.at - first) / 1_000).toFixed(2).padStart(6);
    const { stage, node: on } = transition;
    const words = (on === undefined ? undefined : WORDS_ON_NODE[stage]) ?? WORDS[stage];
    const node = on === undefined || stage === 'finished' ? '' : ` (${on})`;
    this.#screen.write(`${seconds} s  ${transition.workload.padEnd(24)} ${words}${node}\n`);
  }

  stop(): void {
    clearInterval(this.#redraw);
    this.#redraw = undefined;
    if (this.#screen.isTTY === true) this.#draw();
  }

  summary({ result, violations, transitions }: DemoRun, steps: number): void {
    const { preemptor, victim, checkpoint, killed } = result;
    const lines: string[] = [];
    if (this.#screen.isTTY !== true) {
      const last = transitions.at(-1)?.at ?? 0;
      lines.push('', renderTimeline(transitions, { now: last, width: 100 }).trimEnd());
    }
    lines.push(
      '',
      `urgent pod     created to running in ${preemptor.createdToRunningMs} ms`,
      `interrupted    after step ${victim.stepsBeforeDump}; went on with step ${victim.firstStepAfterRestore ?? 'none'}; ${victim.completed ? `finished all ${steps}` : 'did not finish'}`,
      `steps lost     ${victim.stepsLost}`,
      `steps doubled  ${victim.stepsDoubled}`,
    );
    if (checkpoint !== undefined) {
      lines.push(
        `checkpoint     ${(checkpoint.sizeBytes / 1024 ** 2).toFixed(1)} MiB, frozen ${(checkpoint.frozenMicroseconds / 1_000).toFixed(0)} ms, dump ${checkpoint.dumpMs} ms, restore ${checkpoint.restoreMs} ms`,
      );
    }
    lines.push(
      `killed instead the same preemption by killing threw away ${killed.stepsLost} steps, done a second time`,
      `invariants     ${violations.length === 0 ? 'all held' : `${violations.length} violated`}`,
      ...violations.map(({ invariant, message }) => `               ${invariant}: ${message}`),
    );
    this.#screen.write(`${lines.join('\n')}\n`);
  }

  #draw(): void {
    const text = renderTimeline(this.#transitions, { now: this.#now(), width: this.#screen.columns ?? 100 });
    const up = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A`;
    this.#screen.write(`${up}\x1b[0J${text}`);
    this.#drawnLines = text.split('\n').length - 1;
  }

  #now(): number {
    return this.#redraw === undefined ? (this.#transitions.at(-1)?.at ?? Date.now()) : Date.now();
  }
}
