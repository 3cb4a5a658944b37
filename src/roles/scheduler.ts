import { Scheduler } from '../controllers/index.ts';
import { EventRecorder } from '../kubernetes/index.ts';
import { reasonOf } from '../model/index.ts';
import { Engine } from '../scheduling/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { type ClusterOptions, connect, type RoleDependencies, type Running } from './role.ts';

export interface SchedulerRoleOptions extends ClusterOptions, LeaderElectionFlags {
  /** Values of `spec.schedulerName` to answer to. */
  schedulerNames?: readonly string[];
}

const NAME = 'fermata-scheduler';
const VERSION_RETRY_MILLISECONDS = 1_000;

export async function startScheduler(options: SchedulerRoleOptions): Promise<Running> {
  const { podNamespace, ...dependencies } = await connect('scheduler', options);
  const led = startLed({ name: NAME, flags: options, podNamespace }, dependencies, (store, term) => {
    const parts = { ...dependencies, store };
    const events = new EventRecorder(parts, { component: NAME });
    const scheduler = new Scheduler(
      { ...parts, events, engine: new Engine() },
      {
        ...(options.schedulerNames === undefined ? {} : { schedulerNames: options.schedulerNames }),
        ...(term === undefined ? {} : { term }),
        refusesLateBinds: (signal) => refusesLateBinds(dependencies, signal),
        readsUsage: true,
      },
    );
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
      await dependencies.store.close();
    },
  };
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
