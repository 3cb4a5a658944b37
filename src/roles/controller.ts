import { InterruptionController, RetentionController } from '../controllers/index.ts';
import { type ClusterOptions, connect, type Running, recorderFor } from './role.ts';

export async function startController(options: ClusterOptions): Promise<Running> {
  const dependencies = await connect('controller', options);
  const events = recorderFor(dependencies, 'fermata-controller');
  const controllers = [
    new InterruptionController({ ...dependencies, events }),
    new RetentionController({ ...dependencies, events }),
  ];
  for (const controller of controllers) controller.start();
  return {
    stop: async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
      await events.flush();
      await dependencies.store.close();
    },
  };
}
