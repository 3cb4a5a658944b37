import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FermataError } from '../model/index.ts';

/** Runs a program of `bench/` as it can be run by hand, its output going where ours goes. */
export async function benchScript(
  name: 'archive' | 'cluster' | 'coordination' | 'engine' | 'hpc' | 'registry' | 'simulate' | 'soak',
  flags: Readonly<Record<string, string | true>>,
): Promise<void> {
  const script = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url));
  const parameters = Object.entries(flags).flatMap(([flag, value]) =>
    value === true ? [`--${flag}`] : [`--${flag}`, value],
  );
  const child = spawn(process.execPath, [...process.execArgv, script, ...parameters], { stdio: 'inherit' });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (status !== 0) throw new FermataError('BenchFailed', `bench/${name}.ts ended with status ${status}`);
}
