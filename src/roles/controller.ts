import { GroupController, InterruptionController, RetentionController } from '../controllers/index.ts';
import { EventRecorder } from '../kubernetes/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';

export interface ControllerRoleOptions extends ClusterOptions, LeaderElectionFlags {}

const NAME = 'fermata-controller';

export async function startController(options: ControllerRoleOptions): Promise<Running> {
  const { podNamespace, ...dependencies } = await connect('controller', options);
  const led = startLed({ name: NAME, flags: options, podNamespace }, dependencies, (store) => {
    const parts = { ...dependencies, store };
    const events = new EventRecorder(parts, { component: NAME });
    const controllers = [
      new GroupController({ ...parts, events }),
      new InterruptionController({ ...parts, events }),
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
      await dependencies.store.close();
    },
  };
}
