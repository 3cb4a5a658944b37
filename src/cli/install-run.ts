import { SystemClock } from '../clock/index.ts';
import {
  DEFAULT_OPTIONS,
  type DeploymentOptions,
  existing,
  install,
  type Manifest,
  manifestsFor,
  manifestYaml,
  uninstall,
} from '../deployment/index.ts';
import { withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import type { InstallFlags } from './install.ts';
import { printResult, table } from './output.ts';
import type { UninstallFlags } from './uninstall.ts';

export async function runInstall(flags: InstallFlags): Promise<void> {
  await withCluster(flags, async ({ store }) => {
    const manifests = await manifestsFor(store, optionsOf(flags));
    if (flags.dryRun === true) {
      if (flags.output === 'yaml') process.stdout.write(manifestYaml(manifests));
      else await printPlan(manifests, await existing(store, manifests), flags);
      return;
    }
    const done: { kind: string; namespace?: string; name: string; action: string }[] = [];
    await install(store, manifests, (applied) => {
      done.push(applied);
      if (flags.output === undefined) process.stdout.write(`${lineOf(applied)} ${applied.action}\n`);
    });
    const next = `\nSee it start: kubectl get pods -n ${optionsOf(flags).namespace}\n`;
    await printResult(done, flags.output, () => next);
  });
}

export async function runUninstall(flags: UninstallFlags): Promise<void> {
  const timeoutSeconds = Number(flags.timeout);
  if (!(timeoutSeconds > 0)) throw new UsageError(`--timeout ${flags.timeout} is not a number of seconds`);
  await withCluster(flags, async ({ store }) => {
    const manifests = await manifestsFor(store, optionsOf(flags));
    const onRemoved = (removed: { kind: string; name: string }): void => {
      process.stdout.write(`${lineOf(removed)} removed\n`);
    };
    const { suspended } = flags;
    await uninstall({ store, clock: new SystemClock(), onRemoved }, manifests, {
      timeoutSeconds,
      ...(suspended !== undefined && { suspended }),
    });
  });
}

async function printPlan(
  manifests: readonly Manifest[],
  there: readonly boolean[],
  flags: InstallFlags,
): Promise<void> {
  const plan = manifests.map(({ kind, metadata: { name, namespace } }, index) => ({
    kind,
    ...(namespace !== undefined && { namespace }),
    name,
    action: there[index] === true ? 'would be brought up to date' : 'would be created',
  }));
  await printResult(plan, flags.output, () =>
    table(
      ['KIND', 'NAMESPACE', 'NAME', 'ACTION'],
      plan.map(({ kind, namespace = '', name, action }) => [kind, namespace, name, action]),
    ),
  );
}

function optionsOf(
  flags: Pick<InstallFlags, 'namespace' | 'image' | 'schedulerName' | 'agentDirectory'>,
): DeploymentOptions {
  const { namespace, image, schedulerName, agentDirectory } = flags;
  return {
    ...DEFAULT_OPTIONS,
    ...(namespace !== undefined && { namespace }),
    ...(image !== undefined && { image }),
    ...(schedulerName !== undefined && { schedulerName }),
    ...(agentDirectory !== undefined && { agentDirectory }),
  };
}

function lineOf({ kind, namespace, name }: { kind: string; namespace?: string; name: string }): string {
  return `${kind.toLowerCase()}/${name}${namespace === undefined ? '' : ` (${namespace})`}`;
}
