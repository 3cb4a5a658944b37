import { join } from 'node:path';
import { runChild } from './child.ts';
import { firstSeed } from './soak-seed.ts';
import { readSources } from './source-files.ts';
import { oneCheck, type Stage, type StageContext, type StageResult } from './stage.ts';
import { testEnvironment } from './tests.ts';

/** Many short runs see more different worlds than few long ones. */
const SEEDS = 400;
/** 2,000 virtual days: small clusters that never have enough room, each seed with its own mixture of faults (`swarm`). */
const WORLD = ['--days', '5', '--nodes', '2', '--workloads-per-day', '8', '--faults', 'swarm'];
/** Far more than it takes, for machines that do other things too. */
const TIMEOUT_MILLISECONDS = 1_500_000;
const TAIL_LINES = 40;

/** Virtual days on seeds that follow from the product's sources ({@link firstSeed}): one check. */
export const soakStage: Stage = { name: 'soak', run };

async function run(context: StageContext): Promise<StageResult> {
  const tail: string[] = [];
  const first = firstSeed(await readSources(context.root));
  const options = ['--seeds', `${first}..${first + SEEDS - 1}`, ...WORLD];
  context.say(`./fermata soak ${options.join(' ')}`);
  const deadline = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const status = await runChild(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(context.root, 'src/cli/main.ts'), 'soak', ...options, '--no-shrink'],
    {
      root: context.root,
      environment: testEnvironment(context),
      signal: AbortSignal.any([context.signal, deadline]),
      onLine: (line) => {
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
        context.say(line);
      },
    },
  );
  context.signal.throwIfAborted();
  if (deadline.aborted) return oneCheck([`not done after ${TIMEOUT_MILLISECONDS / 1000} s`]);
  return oneCheck(status === 0 ? [] : [`exit status ${status}\n${tail.join('\n')}`]);
}
