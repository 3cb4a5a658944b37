import { Scheduler, SchedulerMetrics } from '../controllers/index.ts';
import { EventRecorder } from '../kubernetes/index.ts';
import { reasonOf } from '../model/index.ts';
import { Engine, type SchedulerConfiguration } from '../scheduling/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { type ClusterOptions, connect, type RoleDependencies, type Running } from './role.ts';
import { readSchedulerConfiguration } from './scheduler-configuration.ts';

export interface SchedulerRoleOptions extends ClusterOptions, LeaderElectionFlags {
  /** Values of `spec.schedulerName` to answer to, besides those of the configuration's profiles. */
  schedulerNames?: readonly string[];
  /** File with a `KubeSchedulerConfiguration`. */
  config?: string;
}

const NAME = 'fermata-scheduler';
const VERSION_RETRY_MILLISECONDS = 1_000;

export async function startScheduler(options: SchedulerRoleOptions): Promise<Running> {
  const configuration = options.config === undefined ? undefined : await readSchedulerConfiguration(options.config);
  const { podNamespace, vitals, ...dependencies } = await connect('scheduler', options);
  const metrics = new SchedulerMetrics(vitals.metrics);
  let current: Scheduler | undefined;
  if (configuration !== undefined && configuration.ignored.length > 0) {
    dependencies.log.warn({ fields: configuration.ignored }, 'fields of the configuration mean nothing here');
  }
  const schedulerNames = namesOf(options, configuration);
  await vitals.start();
  const isReady = (): boolean => current?.ready === true;
  const role = { name: NAME, flags: options, podNamespace, vitals, isReady };
  const led = startLed(role, dependencies, (store, term) => {
    const parts = { ...dependencies, store };
    const events = new EventRecorder(parts, { component: NAME });
    const scheduler = new Scheduler(
      { ...parts, events, engine: new Engine(configuration), metrics },
      {
        ...(schedulerNames.length === 0 ? {} : { schedulerNames }),
        ...(term === undefined ? {} : { term }),
        refusesLateBinds: (signal) => refusesLateBinds(dependencies, signal),
        readsUsage: true,
      },
    );
    current = scheduler;
    return {
      start: () => scheduler.start(),
      stop: async () => {
        await scheduler.stop();
        await events.flush();
      },
    };
  });
  return {
    stop: async () => {
      await led.stop();
      await vitals.stop();
      await dependencies.store.close();
    },
  };
}

/** Empty: the default. */
function namesOf(
  { schedulerNames = [] }: SchedulerRoleOptions,
  configuration: SchedulerConfiguration | undefined,
): readonly string[] {
  const ofProfiles = configuration?.profiles.flatMap(({ schedulerName }) => schedulerName ?? []) ?? [];
  return [...new Set([...schedulerNames, ...ofProfiles])];
}

/** Kubernetes 1.24, by kubernetes/kubernetes#105913. Asked until there is an answer. */
async function refusesLateBinds({ store, clock, log }: RoleDependencies, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    try {
      const { major, minor } = await store.version({ signal });
      return major > 1 || minor >= 24;
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ reason: reasonOf(error) }, 'the version of the API server could not be had, which is tried again');
      await clock.sleep(VERSION_RETRY_MILLISECONDS, signal);
    }
  }
}
