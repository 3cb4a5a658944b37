import { SystemClock } from '../clock/index.ts';
import { type DemoRun, runDemo } from '../demo/index.ts';
import type { SandboxConfiguration } from '../sandbox/index.ts';
import type { DemoFlags } from './demo.ts';
import { DemoScreen } from './demo-screen.ts';
import { EXIT, ExitStatus, UsageError } from './exit.ts';
import { printResult } from './output.ts';
import { inPassingSandbox } from './passing-sandbox.ts';
import { sandboxConfiguration } from './sandbox-start.ts';
import { locateToolchain } from './toolchain.ts';

const STEPS = 120;
const STEP_MILLISECONDS = 50;
/** As much as the one node has: a second pod never fits beside the first. */
const NODE_CPU = '1';
const MAX_MEBIBYTES = 4_096;

export async function demo(flags: DemoFlags): Promise<void> {
  const memoryMebibytes = Number(flags.memory);
  if (!Number.isInteger(memoryMebibytes) || memoryMebibytes < 1 || memoryMebibytes > MAX_MEBIBYTES) {
    throw new UsageError(`--memory takes whole MiB from 1 to ${MAX_MEBIBYTES}, not "${flags.memory}"`);
  }
  const configuration = await sandboxConfiguration({
    ...(flags.runtime === undefined ? {} : { runtime: flags.runtime }),
    nodes: '1',
    nodeCpu: NODE_CPU,
    nodeMemory: `${memoryMebibytes + 512}Mi`,
    nodePods: '10',
    network: 'none',
  });
  const screen = new DemoScreen(flags.output === undefined ? process.stdout : process.stderr);
  screen.headline(configuration.runtime, await simulatedBecause(flags, configuration.runtime), memoryMebibytes);
  const run = await runInSandbox(configuration, memoryMebibytes, screen);
  screen.summary(run, STEPS);
  if (flags.output !== undefined) await printResult(run.result, flags.output, () => '');
  if (!isPerfect(run)) throw new ExitStatus(EXIT.failure);
}

async function simulatedBecause(flags: DemoFlags, runtime: string): Promise<string | undefined> {
  if (runtime !== 'simulated') return undefined;
  return flags.runtime === 'simulated' ? 'asked for by --runtime' : (await locateToolchain()).runtime.reason;
}

function runInSandbox(
  configuration: SandboxConfiguration,
  memoryMebibytes: number,
  screen: DemoScreen,
): Promise<DemoRun> {
  return inPassingSandbox('demo', configuration, async ({ sandbox, outputs, log, signal }) => {
    screen.start();
    try {
      return await runDemo(
        { store: sandbox.store, clock: new SystemClock(), random: Math.random, log },
        {
          runtime: configuration.runtime,
          steps: STEPS,
          stepMilliseconds: STEP_MILLISECONDS,
          memoryMebibytes,
          cpu: NODE_CPU,
          folder: outputs,
          onTransition: (transition) => screen.transition(transition),
          signal,
        },
      );
    } finally {
      screen.stop();
    }
  });
}

/** Nothing lost, nothing doubled, all done, every invariant held. */
function isPerfect({ result }: DemoRun): boolean {
  const { victim, invariantViolations } = result;
  return (
    victim.completed &&
    victim.stepsLost === 0 &&
    victim.stepsDoubled === 0 &&
    victim.firstStepAfterRestore === victim.stepsBeforeDump + 1 &&
    invariantViolations === 0
  );
}
