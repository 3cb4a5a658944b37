import type { Command } from 'commander';
import { type ClusterFlags, clusterOptions } from './cluster.ts';
import { type DiskFlags, diskOptions } from './disk-options.ts';
import { type OutputFormat, outputOption } from './output.ts';

export type SourceFlags = ClusterFlags & {
  store?: string;
  keys?: string;
  container?: string;
  output?: OutputFormat;
};

/** Of `import` and `pull`. */
export type TakeFlags = ClusterFlags & {
  store?: string;
  keys?: string;
  encryptTo?: string[];
  as?: string;
  checkpoint?: string;
  restoreRegistry?: string;
  output?: OutputFormat;
};

export type CollectFlags = ClusterFlags &
  DiskFlags & {
    store?: string;
    dryRun?: boolean;
    grace: string;
    allNamespaces?: boolean;
    node?: string;
    directory?: string;
    output?: OutputFormat;
  };

export type ListFlags = ClusterFlags & { allNamespaces?: boolean; store?: string; output?: OutputFormat };
export type ObjectFlags = ClusterFlags & { store?: string; force?: boolean; unpin?: boolean };

const SOURCE =
  'a folder, a .tar (Podman, kubelet, checkpointctl), the name of a PodCheckpoint, or with --store NAMESPACE/ARCHIVE';

export function register(program: Command): void {
  const checkpoints = program
    .command('checkpoints')
    .description('look at checkpoints, move them, keep them, let them go: in a cluster, a store or a file');

  clusterOptions(checkpoints.command('ls'))
    .description('list the checkpoints of a cluster, or of a store')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--store <url>', 'of this store: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .addOption(outputOption())
    .action(async (flags: ListFlags) => (await import('./checkpoints-list.ts')).list(flags));

  onSource(checkpoints.command('show'), 'say what a checkpoint is of: containers, image, times, sizes').action(
    async (source: string, flags: SourceFlags) => (await import('./checkpoints-show.ts')).show(source, flags),
  );
  onSource(
    checkpoints.command('inspect'),
    "say what is in CRIU's images: processes, files, sockets, mounts, memory by mapping, statistics",
  ).action(async (source: string, flags: SourceFlags) =>
    (await import('./checkpoints-inspect.ts')).inspect(source, flags),
  );
  clusterOptions(checkpoints.command('diff'))
    .description('say what changed from one checkpoint of a container to another: pages of memory and open files')
    .argument('<first>', SOURCE)
    .argument('<second>', SOURCE)
    .option('--store <url>', 'the store both are in')
    .option('--keys <folder>', 'keys of the cluster (fermata keys create)')
    .option('--container <name>', 'which container; needed when there are several')
    .addOption(outputOption())
    .action(async (first: string, second: string, flags: SourceFlags) =>
      (await import('./checkpoints-inspect.ts')).diff(first, second, flags),
    );
  onSource(checkpoints.command('verify'), 'check every byte of a checkpoint').action(
    async (source: string, flags: SourceFlags) => (await import('./checkpoints-show.ts')).verify(source, flags),
  );

  onSource(
    checkpoints.command('export'),
    'write a container as a .tar for `podman container restore --import`, checkpointctl, CRI-O, containerd. Not encrypted',
  )
    .requiredOption('-f, --file <file>', 'to be written; only its owner may read it')
    .action(async (source: string, flags: SourceFlags & { file: string }) =>
      (await import('./checkpoints-move.ts')).exportTo(source, flags),
    );
  taking(
    checkpoints
      .command('import')
      .description('take in a .tar of Podman, a kubelet or checkpointctl: into a folder, a store, or a cluster')
      .argument('<file>', 'the archive: plain, zstd or gzip'),
  ).action(async (file: string, folder: string | undefined, flags: TakeFlags) =>
    (await import('./checkpoints-take.ts')).importFrom(file, folder, flags),
  );
  clusterOptions(checkpoints.command('push'))
    .description('push a container as an image that CRI-O and containerd 2.1 restore from. Not encrypted')
    .argument('<source>', SOURCE)
    .argument('<image>', 'REGISTRY/REPOSITORY:TAG')
    .option('--store <url>', 'the store the source is in')
    .option('--keys <folder>', 'keys of the cluster (fermata keys create)')
    .option('--container <name>', 'which container; needed when there are several')
    .addOption(outputOption())
    .action(async (source: string, image: string, flags: SourceFlags) =>
      (await import('./checkpoints-move.ts')).push(source, image, flags),
    );
  taking(
    checkpoints
      .command('pull')
      .description('bring a checkpoint image back: into a folder, a store, or a cluster')
      .argument('<image>', 'REGISTRY/REPOSITORY:TAG'),
  ).action(async (image: string, folder: string | undefined, flags: TakeFlags) =>
    (await import('./checkpoints-take.ts')).pull(image, folder, flags),
  );

  clusterOptions(checkpoints.command('pin'))
    .description('keep a checkpoint whatever the rules say, or with --unpin no longer')
    .argument('<name>', 'of a PodCheckpoint')
    .option('--unpin', 'let the rules decide again')
    .action(async (name: string, flags: ObjectFlags) => (await import('./checkpoints-let-go.ts')).pin(name, flags));
  clusterOptions(checkpoints.command('rm'))
    .description('let a checkpoint go')
    .argument('<name>', 'of a PodCheckpoint, or with --store NAMESPACE/ARCHIVE')
    .option('--store <url>', 'from this store')
    .option('--force', 'though it is pinned, or the only copy of what a suspended workload computed')
    .action(async (name: string, flags: ObjectFlags) => (await import('./checkpoints-let-go.ts')).remove(name, flags));

  diskOptions(clusterOptions(checkpoints.command('gc')))
    .description(
      'remove from a store what no archive and no upload needs, beside them; say what a cluster, or a node, lets go by itself',
    )
    .option('--store <url>', 'a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .option('--grace <duration>', 'what was written later stays, and what is found goes so much later', '1h')
    .option('--dry-run', 'only say what would go, and why; of a cluster and a node there is nothing else')
    .option('-A, --all-namespaces', 'of all namespaces of the cluster')
    .option(
      '--node <name>',
      "run on that node, or in its agent's pod: which copies leave its disk, by the agent's flags",
    )
    .option('--directory <folder>', 'with --node, as the agent has it (default: /var/lib/fermata)')
    .addOption(outputOption())
    .action(async (flags: CollectFlags) => (await import('./checkpoints-let-go.ts')).collect(flags));
  clusterOptions(checkpoints.command('du'))
    .description('say how much room the checkpoints of each namespace take: on nodes and in stores, or in one store')
    .option('-A, --all-namespaces', 'of all namespaces of the cluster')
    .option('--store <url>', 'of this store: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .addOption(outputOption())
    .action(async (flags: ListFlags) => (await import('./checkpoints-list.ts')).usage(flags));
}

/** What comes from outside: where it is to go. */
function taking(command: Command): Command {
  return clusterOptions(command)
    .argument('[folder]', 'to be made; not with --store')
    .option('--store <url>', 'a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .option('--keys <folder>', 'keys of the cluster (fermata keys create)')
    .option('--encrypt-to <file...>', 'who may read it besides the nodes; default: it is not encrypted')
    .option('--as <namespace/archive>', 'its name in the store')
    .option('--checkpoint <name>', 'make a PodCheckpoint of it, from which its pod can be restored: needs --store')
    .option('--restore-registry <host:port>', 'with --checkpoint, where kubelets restore: as the agents have it')
    .addOption(outputOption());
}

function onSource(command: Command, description: string): Command {
  return clusterOptions(command)
    .description(description)
    .argument('<source>', SOURCE)
    .option('--store <url>', 'the store it is in: a folder, s3://BUCKET/PREFIX, oci://REGISTRY/REPOSITORY')
    .option('--keys <folder>', 'keys of the cluster (fermata keys create)')
    .option('--container <name>', 'this container alone; needed where one is meant and there are several')
    .addOption(outputOption());
}
