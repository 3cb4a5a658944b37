import { anything, flag, list, mapping, number, oneOf, type Read, table, text, whole } from './field-reader.ts';

/** Kube-scheduler's bound on weights of resources, and of plugins. */
const weight = whole(1, 100);
const resources = list(mapping<{ name: string; weight: number }>({ name: text, weight }));
const shape = list(
  mapping<{ utilization: number; score: number }>({ utilization: whole(0, 100), score: whole(0, 10) }),
);

const YEAR_SECONDS = 31_536_000;

/**
 * What each plugin may be given in `pluginConfig[].args`: the fields of upstream's `*Args` (kubescheduler.config.k8s.io/v1),
 * and those of the plugins upstream does not have.
 */
const ARGS: Readonly<Record<string, Readonly<Record<string, Read<unknown>>>>> = {
  NodeResourcesFit: {
    ignoredResources: list(text),
    ignoredResourceGroups: list(text),
    scoringStrategy: mapping<{ type: string; resources: unknown; requestedToCapacityRatio: unknown }>({
      type: oneOf('LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'),
      resources,
      requestedToCapacityRatio: mapping<{ shape: unknown }>({ shape }),
    }),
  },
  NodeResourcesBalancedAllocation: { resources },
  NodeAffinity: {
    addedAffinity: mapping<Record<string, unknown>>({
      requiredDuringSchedulingIgnoredDuringExecution: anything,
      preferredDuringSchedulingIgnoredDuringExecution: anything,
    }),
  },
  PodTopologySpread: {
    defaultingType: oneOf('System', 'List'),
    defaultConstraints: list(
      mapping<{ maxSkew: number; topologyKey: string; whenUnsatisfiable: string }>({
        maxSkew: whole(1, 2 ** 31 - 1),
        topologyKey: text,
        whenUnsatisfiable: oneOf('DoNotSchedule', 'ScheduleAnyway'),
      }),
    ),
  },
  InterPodAffinity: { hardPodAffinityWeight: whole(0, 100), ignorePreferredTermsOfExistingPods: flag },
  VolumeBinding: { bindTimeoutSeconds: whole(0, 86_400) },
  FairShare: {
    halfLifeSeconds: whole(0, YEAR_SECONDS),
    shares: table(whole(0, 1_000_000)),
    defaultShares: whole(0, 1_000_000),
    aheadSeconds: whole(0, 86_400),
  },
  Backfill: { reservations: whole(1, 10_000), interruptible: flag, dumpSafety: number(1, 100) },
  Reclaim: { windowSeconds: whole(10, 86_400), margin: number(0, 10) },
  Consolidation: {
    expectedWaitSeconds: whole(1, YEAR_SECONDS),
    maximumMoves: whole(1, 1_000),
    emptyNodeSeconds: whole(1, YEAR_SECONDS),
    emptyIntervalSeconds: whole(1, YEAR_SECONDS),
    emptyRestSeconds: whole(0, YEAR_SECONDS),
  },
};

/** The arguments of the plugin, without `apiVersion` and `kind`. */
export function readArgs(plugin: string, value: unknown, field: string): unknown {
  const fields = Object.hasOwn(ARGS, plugin) ? ARGS[plugin] : undefined;
  const {
    apiVersion: _,
    kind: __,
    ...args
  } = mapping<Record<string, unknown>>({
    apiVersion: text,
    kind: text,
    ...fields,
  })(value, field);
  return args;
}
