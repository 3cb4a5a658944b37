import { GroupController, InterruptionController, RetentionController, Scheduler } from '../controllers/index.ts';
import { EventRecorder, LeaderElector, type LedProgram, type Term } from '../kubernetes/index.ts';
import { Engine } from '../scheduling/index.ts';
import { ComponentHost, type Life, type Program } from './component-host.ts';
import type { Surroundings } from './surroundings.ts';

/** One of several processes of a component, of which one leads. */
export interface Replica {
  host: ComponentHost;
  /** Whether it believes to be the one that leads. */
  leads(): boolean;
}

type Component = (life: Pick<Life, 'store' | 'clock' | 'random' | 'log'>, term: Term | undefined) => Program;

/** The scheduler as `fermata scheduler --no-leader-elect` wires it. */
export function schedulerHost(world: Surroundings): ComponentHost {
  return new ComponentHost(world, 'scheduler', (life) => scheduler(life, undefined));
}

/** The controllers as `fermata controller --no-leader-elect` wires them. */
export function controllerHost(world: Surroundings, name = 'controller'): ComponentHost {
  return new ComponentHost(world, name, (life) => controller(life, undefined));
}

export function schedulerReplica(world: Surroundings, name: string): Replica {
  return replica(world, name, 'fermata-scheduler', scheduler);
}

export function controllerReplica(world: Surroundings, name: string): Replica {
  return replica(world, name, 'fermata-controller', controller);
}

function replica(world: Surroundings, name: string, lease: string, component: Component): Replica {
  let elector: LeaderElector | undefined;
  const host = new ComponentHost(world, name, (life) => {
    const identity = life.incarnation.name;
    const made = new LeaderElector(
      life,
      { namespace: 'kube-system', name: lease, identity },
      (store, term): LedProgram => {
        const incarnation = Number(identity.split('#').at(-1));
        world.recorder.add({ kind: 'component', component: name, incarnation, what: 'leads' });
        return component({ ...life, store }, term);
      },
    );
    elector = made;
    return made;
  });
  return { host, leads: () => host.isRunning && elector?.isLeader === true };
}

const scheduler: Component = (life, term) => {
  const events = new EventRecorder(life, { component: 'fermata-scheduler' });
  const options = term === undefined ? {} : { term };
  return withEvents(events, [new Scheduler({ ...life, events, engine: new Engine() }, options)]);
};

const controller: Component = (life) => {
  const events = new EventRecorder(life, { component: 'fermata-controller' });
  return withEvents(events, [
    new GroupController({ ...life, events }),
    new InterruptionController({ ...life, events }),
    new RetentionController({ ...life, events }),
  ]);
};

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
