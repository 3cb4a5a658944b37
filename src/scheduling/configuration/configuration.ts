import { PHASES, type Phase } from '../framework/phases.ts';
import { DEFAULT_PROFILE, type Profile, type ProfilePlugin, pluginNames } from '../framework/profile.ts';
import type { Backoff } from '../queue/queue-entry.ts';
import { anything, invalid, list, mapping, oneOf, text, whole } from './field-reader.ts';
import { readArgs } from './plugin-args.ts';

/** What a `KubeSchedulerConfiguration` says, as the engine takes it. */
export interface SchedulerConfiguration {
  readonly profiles: readonly [Profile, ...Profile[]];
  readonly backoff: Backoff;
  /** Fields that are kube-scheduler's, and mean nothing to this scheduler. */
  readonly ignored: readonly string[];
}

interface Named {
  name: string;
  weight: number;
}
interface PluginSet {
  enabled: readonly Partial<Named>[];
  disabled: readonly Partial<Named>[];
}
type PluginSets = { [K in Phase | 'multiPoint']: Partial<PluginSet> };
interface ProfileFields {
  schedulerName: string;
  percentageOfNodesToScore: number;
  plugins: Partial<PluginSets>;
  pluginConfig: readonly Partial<{ name: string; args: unknown }>[];
}
interface Fields {
  apiVersion: string;
  kind: string;
  percentageOfNodesToScore: number;
  podInitialBackoffSeconds: number;
  podMaxBackoffSeconds: number;
  profiles: readonly Partial<ProfileFields>[];
}

/** They tune kube-scheduler's process. */
const MEANINGLESS = [
  'parallelism',
  'leaderElection',
  'clientConnection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
  'healthzBindAddress',
  'metricsBindAddress',
];
/** Upstream's plugins that go by another name here, or have nothing to choose. */
const ALIASES: Readonly<Record<string, string>> = { DefaultPreemption: 'Interruption' };
const IMPLIED = new Set(['DefaultBinder']);

const named = list(mapping<Named>({ name: text, weight: whole(0, 2 ** 31 - 1) }));
const pluginSet = mapping<PluginSet>({ enabled: named, disabled: named });
const pluginSets = mapping<PluginSets>(
  Object.fromEntries([...PHASES, 'multiPoint'].map((phase) => [phase, pluginSet])) as {
    [K in keyof PluginSets]: typeof pluginSet;
  },
);
const percentage = whole(0, 100);
const fields = mapping<Fields>({
  apiVersion: oneOf('kubescheduler.config.k8s.io/v1'),
  kind: oneOf('KubeSchedulerConfiguration'),
  percentageOfNodesToScore: percentage,
  podInitialBackoffSeconds: whole(1, 86_400),
  podMaxBackoffSeconds: whole(1, 86_400),
  profiles: list(
    mapping<ProfileFields>({
      schedulerName: text,
      percentageOfNodesToScore: percentage,
      plugins: pluginSets,
      pluginConfig: list(mapping<{ name: string; args: unknown }>({ name: text, args: anything })),
    }),
  ),
});

/**
 * Reads a configuration in the shape of `kubescheduler.config.k8s.io/v1`. Plugins that a profile says nothing of take part
 * as in the default profile. `percentageOfNodesToScore` left out means every node is considered; 0 is kube-scheduler's
 * adaptive sampling.
 *
 * @param document the parsed YAML
 * @throws FermataError `SchedulerConfigurationInvalid`, naming the field and what it accepts
 */
export function parseSchedulerConfiguration(document: unknown): SchedulerConfiguration {
  const ignored: string[] = [];
  const { apiVersion, kind, profiles = [{}], ...read } = fields(withoutMeaningless(document, ignored), '');
  if (apiVersion === undefined) invalid('apiVersion', 'is missing', 'kubescheduler.config.k8s.io/v1');
  if (kind === undefined) invalid('kind', 'is missing', 'KubeSchedulerConfiguration');
  const [first, ...others] = profiles.map((profile, index) =>
    profileOf({ ...percentageOf(read), ...profile }, `profiles[${index}]`),
  );
  if (first === undefined) return invalid('profiles', 'is empty', 'at least one profile');
  const names = [first, ...others].map(({ schedulerName }) => schedulerName);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) invalid('profiles', `has "${twice}" twice`, 'one profile for each schedulerName');
  const { podInitialBackoffSeconds = 1, podMaxBackoffSeconds = 10 } = read;
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    invalid(
      'podMaxBackoffSeconds',
      `is ${podMaxBackoffSeconds}`,
      `at least podInitialBackoffSeconds (${podInitialBackoffSeconds})`,
    );
  }
  return {
    profiles: [first, ...others],
    backoff: {
      initialMilliseconds: podInitialBackoffSeconds * 1000,
      maxMilliseconds: podMaxBackoffSeconds * 1000,
    },
    ignored,
  };
}

function percentageOf({ percentageOfNodesToScore }: Partial<Fields>): Partial<ProfileFields> {
  return percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore };
}

function withoutMeaningless(document: unknown, ignored: string[]): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  return Object.fromEntries(
    Object.entries(document).filter(([name]) => {
      if (name === 'extenders') invalid('extenders', 'is not supported', 'plugins in place of webhooks');
      if (!MEANINGLESS.includes(name)) return true;
      ignored.push(name);
      return false;
    }),
  );
}

/** The default profile with what the configuration changes. */
function profileOf(read: Partial<ProfileFields>, field: string): Profile {
  const { schedulerName = 'fermata', plugins = {}, pluginConfig = [], percentageOfNodesToScore } = read;
  const chosen = new Map<string, { weight?: number; phases: Set<Phase> }>();
  const everyPhase = (): Set<Phase> => new Set(PHASES);
  for (const { name, weight } of DEFAULT_PROFILE.plugins) {
    chosen.set(name, { ...(weight === undefined ? {} : { weight }), phases: everyPhase() });
  }
  const apply = (phase: Phase | 'multiPoint'): void => {
    const set = plugins[phase];
    const path = `${field}.plugins.${phase}`;
    const phases = phase === 'multiPoint' ? PHASES : [phase];
    set?.disabled?.forEach((entry, index) => {
      for (const name of namesOf(entry, `${path}.disabled[${index}]`, [...chosen.keys()])) {
        for (const one of phases) chosen.get(name)?.phases.delete(one);
      }
    });
    set?.enabled?.forEach((entry, index) => {
      for (const name of namesOf(entry, `${path}.enabled[${index}]`)) {
        const { weight = 0 } = entry;
        const known = chosen.get(name) ?? { phases: new Set<Phase>() };
        for (const one of phases) known.phases.add(one);
        // A weight of 0 is none, as upstream.
        chosen.set(name, weight > 0 ? { ...known, weight } : known);
      }
    });
  };
  apply('multiPoint');
  for (const phase of PHASES) apply(phase);
  const args: Record<string, unknown> = {};
  pluginConfig.forEach((entry, index) => {
    const path = `${field}.pluginConfig[${index}]`;
    for (const name of namesOf(entry, path)) args[name] = readArgs(name, entry.args ?? {}, `${path}.args`);
  });
  return {
    schedulerName,
    plugins: [...chosen].flatMap(([name, { weight, phases }]) => profilePlugin(name, weight, phases)),
    args,
    ...(percentageOfNodesToScore === undefined ? {} : { percentageOfNodesToScore }),
  };
}

function profilePlugin(name: string, weight: number | undefined, phases: ReadonlySet<Phase>): ProfilePlugin[] {
  if (phases.size === 0) return [];
  const taken = phases.size === PHASES.length ? {} : { phases: PHASES.filter((phase) => phases.has(phase)) };
  return [{ name, ...(weight === undefined ? {} : { weight }), ...taken }];
}

/** @param everything what `*` stands for, where it may stand */
function namesOf(
  { name }: Partial<{ name: string }>,
  field: string,
  everything?: readonly string[],
): readonly string[] {
  const known = pluginNames();
  if (name === undefined) return invalid(`${field}.name`, 'is missing', known.join(', '));
  if (name === '*' && everything !== undefined) return everything;
  if (IMPLIED.has(name)) return [];
  const own = ALIASES[name] ?? name;
  if (known.includes(own)) return [own];
  return invalid(`${field}.name`, `is "${name}", which does not exist`, [...known, ...Object.keys(ALIASES)].join(', '));
}
