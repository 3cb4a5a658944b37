import { InterruptionController, RetentionController, Scheduler } from '../controllers/index.ts';
import { EventRecorder } from '../kubernetes/index.ts';
import { Engine } from '../scheduling/index.ts';
import { ComponentHost, type Life, type Program } from './component-host.ts';
import type { Surroundings } from './surroundings.ts';

/** The scheduler as `fermata scheduler` wires it. */
export function schedulerHost(world: Surroundings): ComponentHost {
  return new ComponentHost(world, 'scheduler', (life) => {
    const events = new EventRecorder(life, { component: 'fermata-scheduler' });
    return withEvents(events, [new Scheduler({ ...life, events, engine: new Engine() })]);
  });
}

/** The controllers as `fermata controller` wires them. */
export function controllerHost(world: Surroundings, name = 'controller'): ComponentHost {
  return new ComponentHost(world, name, (life: Life) => {
    const events = new EventRecorder(life, { component: 'fermata-controller' });
    return withEvents(events, [
      new InterruptionController({ ...life, events }),
      new RetentionController({ ...life, events }),
    ]);
  });
}

function withEvents(events: EventRecorder, parts: readonly Program[]): Program {
  return {
    start: () => {
      for (const part of parts) part.start();
    },
    stop: async () => {
      await Promise.all(parts.map((part) => part.stop()));
      await events.stop();
    },
  };
}
