export { type DemoOptions, type DemoResult, type DemoRun, runDemo } from './demo.ts';
export { ClusterObserver } from './observer.ts';
export { readOutput, runScenario, type ScenarioOptions, type ScenarioResult } from './scenario.ts';
export { accountSteps, type StepAccount } from './steps.ts';
export {
  countingPod,
  DEMO_NAMESPACE,
  OUTPUT_FILE,
  priorityClasses,
  URGENT_CLASS,
  URGENT_KILLING_CLASS,
} from './workload.ts';
