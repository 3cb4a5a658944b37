import { GroupController, InterruptionController, RetentionController, WorkloadMetrics } from '../controllers/index.ts';
import { EventRecorder, keepsSchedulingGates } from '../kubernetes/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';

export interface ControllerRoleOptions extends ClusterOptions, LeaderElectionFlags {}

const NAME = 'fermata-controller';

export async function startController(options: ControllerRoleOptions): Promise<Running> {
  const { podNamespace, vitals, ...dependencies } = await connect('controller', options);
  const metrics = new WorkloadMetrics(vitals.metrics, dependencies.clock);
  const knowsGates = async (signal: AbortSignal): Promise<boolean> =>
    keepsSchedulingGates(await dependencies.store.version({ signal }));
  await vitals.start();
  const role = { name: NAME, flags: options, podNamespace, vitals, isReady: () => metrics.isRead };
  const led = startLed(role, dependencies, (store) => {
    const parts = { ...dependencies, store };
    const events = new EventRecorder(parts, { component: NAME });
    const controllers = [
      new GroupController({ ...parts, events }),
      new InterruptionController({ ...parts, events, metrics, knowsGates }),
      new RetentionController({ ...parts, events }),
    ];
    return {
      start: () => {
        for (const controller of controllers) controller.start();
      },
      stop: async () => {
        await Promise.all(controllers.map((controller) => controller.stop()));
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
