import { mkdir } from 'node:fs/promises';
import type { Clock, Random } from '../clock/index.ts';
import type { ObjectStore } from '../kubernetes/index.ts';
import { type Log, PRIORITY_CLASSES } from '../model/index.ts';
import type { RuntimeName } from '../runtime/index.ts';
import { InvariantRecorder, type Violation } from '../sandbox/index.ts';
import type { Transition } from '../timeline/index.ts';
import { ClusterObserver } from './observer.ts';
import { runScenario, type ScenarioResult } from './scenario.ts';
import { priorityClasses } from './workload.ts';

export interface DemoOptions {
  runtime: RuntimeName;
  steps: number;
  stepMilliseconds: number;
  memoryMebibytes: number;
  cpu: string;
  /** For the outputs; absolute. */
  folder: string;
  onTransition: (transition: Transition) => void;
  signal: AbortSignal;
}

/** What `fermata demo --output json` prints. Times in ms, sizes in bytes. */
export interface DemoResult extends ScenarioResult {
  runtime: RuntimeName;
  killed: { stepsLost: number };
  invariantViolations: number;
}

export interface DemoRun {
  result: DemoResult;
  violations: Violation[];
  transitions: readonly Transition[];
}

/** Runs the scenario twice on a sandbox: interrupted by checkpoint, then, to compare, by killing. */
export async function runDemo(
  dependencies: { store: ObjectStore; clock: Clock; random: Random; log: Log },
  options: DemoOptions,
): Promise<DemoRun> {
  const { store, clock } = dependencies;
  const { signal, folder } = options;
  const observer = new ClusterObserver(dependencies);
  observer.timeline.onTransition = options.onTransition;
  const recorder = new InvariantRecorder(dependencies);
  try {
    await Promise.all([observer.start(signal), recorder.start(signal)]);
    await Promise.all(
      priorityClasses().map((priorityClass) => store.create(PRIORITY_CLASSES, priorityClass, { signal })),
    );
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const scenario = { store, clock, observer, signal };
    const checkpointed = await runScenario(scenario, {
      ...options,
      interruption: 'checkpoint',
      victimName: 'thesis',
      urgentName: 'urgent',
    });
    const killed = await runScenario(scenario, {
      ...options,
      interruption: 'kill',
      victimName: 'thesis-killed',
      urgentName: 'urgent-killing',
    });
    const violations = recorder.violations();
    return {
      result: {
        runtime: options.runtime,
        ...checkpointed,
        killed: { stepsLost: killed.victim.stepsDoubled },
        invariantViolations: violations.length,
      },
      violations,
      transitions: observer.timeline.transitions,
    };
  } finally {
    await Promise.all([observer.stop(), recorder.stop()]);
  }
}
