import { SystemClock } from '../clock/index.ts';
import {
  DEFAULT_KEYS_SECRET,
  DEFAULT_OPTIONS,
  type DeploymentOptions,
  existing,
  install,
  type Manifest,
  manifestsFor,
  manifestYaml,
  uninstall,
  withStorage,
} from '../deployment/index.ts';
import { type ClusterFlags, withCluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import type { InstallFlags } from './install.ts';
import { printResult, table } from './output.ts';
import type { UninstallFlags } from './uninstall.ts';

export async function runInstall(flags: InstallFlags): Promise<void> {
  const options = optionsOf(flags);
  await withCluster(flags, async ({ store }) => {
    const manifests = await manifestsFor(store, options);
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
    const next = `\nSee it start: kubectl get pods -n ${options.namespace}\n`;
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

const NEEDING_STORE = {
  allowStore: '--allow-store',
  keysSecret: '--keys-secret',
  recipients: '--recipients',
  s3Credentials: '--s3-credentials',
  registryCredentials: '--registry-credentials',
  localCopies: '--local-copies',
  diskHigh: '--disk-high',
} as const;

function optionsOf(flags: Omit<InstallFlags, keyof ClusterFlags> & { namespace?: string }): DeploymentOptions {
  const { namespace, image, schedulerName, agentDirectory, store } = flags;
  const options = {
    ...DEFAULT_OPTIONS,
    ...(namespace !== undefined && { namespace }),
    ...(image !== undefined && { image }),
    ...(schedulerName !== undefined && { schedulerName }),
    ...(agentDirectory !== undefined && { agentDirectory }),
  };
  if (store !== undefined) {
    return withStorage(options, {
      url: store,
      allow: flags.allowStore ?? [],
      keysSecret: flags.keysSecret ?? DEFAULT_KEYS_SECRET,
      recipientsConfigMap: flags.recipients,
      s3CredentialsSecret: flags.s3Credentials,
      registryCredentialsSecret: flags.registryCredentials,
      localCopies: flags.localCopies,
      diskHigh: flags.diskHigh,
    });
  }
  for (const [flag, option] of Object.entries(NEEDING_STORE)) {
    if (flags[flag as keyof typeof NEEDING_STORE] === undefined) continue;
    throw new UsageError(`${option} needs --store`, 'say where checkpoints are copied to: --store URL');
  }
  return options;
}

function lineOf({ kind, namespace, name }: { kind: string; namespace?: string; name: string }): string {
  return `${kind.toLowerCase()}/${name}${namespace === undefined ? '' : ` (${namespace})`}`;
}
