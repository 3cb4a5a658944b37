import { conditionOf, isConditionTrue, POD_CHECKPOINTS, POD_GROUP_CHECKPOINTS, PODS } from '../src/model/index.ts';
import { type Installed, withFermata } from '../test/cluster/fermata-on-nodes.ts';
import { median } from './cluster-processes.ts';

/**
 * How its pods are dumped, and run on. `alone`: one after the other, each a PodCheckpoint. `together`: the same, ordered at one
 * moment. `group`: one PodGroupCheckpoint.
 */
const MANNERS = ['alone', 'together', 'group'] as const;
type Manner = (typeof MANNERS)[number];

/** Medians over members and runs, milliseconds. */
export interface GroupFigures {
  members: number;
  mebibytes: number;
  runs: number;
  /** Longest time between two lines of a member, which prints about every 20. */
  gap: Record<Manner, number>;
  /** CRIU's `frozen_time`. */
  frozen: Record<Manner, number>;
  /** Of each run: a member's gap in the group less that of its dump alone just before. */
  added: number;
}

/** One member a node, each with that much memory, dumped while it runs in all manners, round by round. */
export async function benchGroups(options: {
  runs: number;
  mebibytes: number;
  onProgress: (text: string) => void;
}): Promise<GroupFigures> {
  const { runs, mebibytes, onProgress } = options;
  const gaps: Record<Manner, number[]> = { alone: [], together: [], group: [] };
  const frozen: Record<Manner, number[]> = { alone: [], together: [], group: [] };
  const added: number[] = [];
  let members: string[] = [];
  await withFermata(async (ground) => {
    // Without a process for each pause: CRIU cannot dump one that is just being made.
    const ticking =
      'exec 3<>/tmp/never; n=0; while :; do n=$((n+1)); read t rest </proc/uptime; echo "n=$n t=$t"; read -t 0.02 x <&3; done';
    const command = [
      'sh',
      '-c',
      `/bin/busybox mkfifo /tmp/never; /counter ${mebibytes} >/dev/null & (${ticking}) >/data/steps`,
    ];
    members = ground.nodes.map((_, index) => `rank-${index}`);
    for (const [index, node] of ground.nodes.entries()) {
      const labels = { app: 'ring' };
      await ground.pod(`rank-${index}`, { priority: 'low', cpu: '100m', node, labels, command });
    }
    for (const name of members) {
      await ground.until(`${name} runs`, async () => ((await ground.steps(name)).at(-1) ?? 0) > 100);
    }
    for (let run = 1; run <= runs; run++) {
      onProgress(`groups, run ${run} of ${runs}`);
      const of = new Map<Manner, number[]>();
      for (const manner of MANNERS) {
        const before = await Promise.all(members.map((name) => lines(ground, name)));
        frozen[manner].push(...(await dump(ground, manner, members, `${manner}-${run}`)));
        const own = await Promise.all(members.map(async (name, index) => gapSince(ground, name, before[index] ?? 0)));
        of.set(manner, own);
        gaps[manner].push(...own);
      }
      for (const index of members.keys()) {
        added.push((of.get('group')?.[index] ?? Number.NaN) - (of.get('alone')?.[index] ?? Number.NaN));
      }
    }
  });
  return {
    ...{ members: members.length, mebibytes, runs },
    gap: medians(gaps),
    frozen: medians(frozen),
    added: Math.round(median(added)),
  };
}

/** Gives CRIU's frozen times, ms. */
async function dump(ground: Installed, manner: Manner, members: readonly string[], label: string): Promise<number[]> {
  if (manner === 'group') return dumpGroup(ground, label);
  const orders = members.map((name) => () => dumpOne(ground, name, `${label}-${name}`));
  if (manner === 'together') return Promise.all(orders.map((order) => order()));
  const times: number[] = [];
  for (const order of orders) times.push(await order());
  return times;
}

async function dumpOne({ store, namespace, until }: Installed, pod: string, name: string): Promise<number> {
  const { metadata } = await store.get(PODS, { namespace, name: pod });
  const spec = { sourcePod: { name: pod, uid: metadata.uid }, postCheckpointState: 'Running' } as const;
  await store.create(POD_CHECKPOINTS, { metadata: { namespace, name }, spec });
  return until(`${name} is Ready`, () => frozenTime({ store, namespace }, name));
}

async function dumpGroup(ground: Installed, name: string): Promise<number[]> {
  const { store, namespace, until } = ground;
  const spec = { selector: { matchLabels: { app: 'ring' } }, postCheckpointState: 'Running' } as const;
  await store.create(POD_GROUP_CHECKPOINTS, { metadata: { namespace, name }, spec });
  const group = await until(`${name} is Ready`, async () => {
    const seen = await store.get(POD_GROUP_CHECKPOINTS, { namespace, name });
    return isConditionTrue(seen.status?.conditions, 'Ready') ? seen : undefined;
  });
  const names = (group.status?.members ?? []).map(({ podCheckpointName }) => podCheckpointName);
  const times = await Promise.all(names.map((one) => frozenTime(ground, one)));
  return times.map((time) => time ?? Number.NaN);
}

async function frozenTime(
  { store, namespace }: Pick<Installed, 'store' | 'namespace'>,
  name: string,
): Promise<number | undefined> {
  const { status } = await store.get(POD_CHECKPOINTS, { namespace, name });
  if (conditionOf(status?.conditions, 'Ready')?.status !== 'True') return undefined;
  return (status?.checkpointedContainers?.[0]?.frozenMicroseconds ?? Number.NaN) / 1_000;
}

async function lines(ground: Installed, name: string): Promise<number> {
  return times(await ground.output(name)).length;
}

/** The longest pause between two lines from the one before the `skip`th on. */
async function gapSince(ground: Installed, name: string, skip: number): Promise<number> {
  const goal = (await lines(ground, name)) + 10;
  await ground.until(`${name} goes on`, async () => (await lines(ground, name)) > goal);
  const moments = times(await ground.output(name)).slice(Math.max(0, skip - 1));
  return Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment)));
}

function times(text: string): number[] {
  return [...text.matchAll(/^n=\d+ t=(\d+\.\d+)$/gm)].map(([, seconds]) => Math.round(Number(seconds) * 1_000));
}

function medians(figures: Record<Manner, readonly number[]>): Record<Manner, number> {
  const of = (manner: Manner): number => Math.round(median(figures[manner]));
  return { alone: of('alone'), together: of('together'), group: of('group') };
}
