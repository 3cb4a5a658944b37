import { Scheduler } from '../controllers/index.ts';
import { EventRecorder } from '../kubernetes/index.ts';
import { Engine } from '../scheduling/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';

export interface SchedulerRoleOptions extends ClusterOptions, LeaderElectionFlags {
  /** Values of `spec.schedulerName` to answer to. */
  schedulerNames?: readonly string[];
}

const NAME = 'fermata-scheduler';

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
