import { Scheduler } from '../controllers/index.ts';
import { Engine } from '../scheduling/index.ts';
import { type ClusterOptions, connect, type Running, recorderFor } from './role.ts';

export interface SchedulerRoleOptions extends ClusterOptions {
  /** Values of `spec.schedulerName` to answer to. */
  schedulerNames?: readonly string[];
}

export async function startScheduler(options: SchedulerRoleOptions): Promise<Running> {
  const dependencies = await connect('scheduler', options);
  const events = recorderFor(dependencies, 'fermata-scheduler');
  const scheduler = new Scheduler(
    { ...dependencies, events, engine: new Engine() },
    options.schedulerNames === undefined ? {} : { schedulerNames: options.schedulerNames },
  );
  scheduler.start();
  return {
    stop: async () => {
      await scheduler.stop();
      await events.flush();
      await dependencies.store.close();
    },
  };
}
