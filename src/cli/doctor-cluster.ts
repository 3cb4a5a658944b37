import { type Capability, capabilities, clusterFacts } from '../deployment/index.ts';
import { type ClusterFlags, withCluster } from './cluster.ts';
import { ExitStatus } from './exit.ts';
import { type OutputFormat, printResult, table } from './output.ts';

/** `fermata doctor --cluster`: what a cluster offers, what is made up for, what to do. Exit status 1 when something is missing. */
export async function doctorCluster(flags: ClusterFlags & { output?: OutputFormat }): Promise<void> {
  const found = await withCluster(flags, async (cluster) =>
    capabilities(await clusterFacts(cluster, (milliseconds) => AbortSignal.timeout(milliseconds))),
  );
  await printResult(found, flags.output, () => textOf(found));
  if (found.some(({ status }) => status === 'no')) throw new ExitStatus(1);
}

function textOf(found: readonly Capability[]): string {
  const rows = found.map(({ capability, status, detail }) => [capability, status, detail]);
  const fixes = found.filter(({ fix }) => fix !== undefined);
  return [
    table(['CAPABILITY', 'THERE', 'DETAIL'], rows),
    ...(fixes.length === 0 ? [] : ['\nTo do:\n', ...fixes.map(({ capability, fix }) => `  ${capability}: ${fix}\n`)]),
  ].join('');
}
