import type { Plugin } from '../framework/phases.ts';
import type { EventHint, QueueEvent } from '../framework/queue-event.ts';
import type { QueueEntry } from './queue-entry.ts';

/**
 * Pods that wait for an event, by the plugins that turned them down or gate them. Plugins whose hints read a pod's template
 * only are asked once for all pods made alike, so that 20,000 pods of one Deployment cost no more than one.
 */
export class AwaitingPods {
  readonly #plugins: readonly Plugin[];
  readonly #byName: ReadonlyMap<string, Plugin>;
  /** Plugin → template, or the pod itself where hints read more → pods. */
  readonly #awaiting = new Map<string, Map<object, Set<QueueEntry>>>();

  constructor(plugins: readonly Plugin[]) {
    this.#plugins = plugins.filter(({ hints }) => hints !== undefined);
    this.#byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  }

  add(entry: QueueEntry): void {
    for (const name of entry.rejectedBy) {
      const plugin = this.#byName.get(name);
      if (plugin?.hints === undefined) continue;
      let groups = this.#awaiting.get(name);
      if (groups === undefined) {
        groups = new Map();
        this.#awaiting.set(name, groups);
      }
      const kind = kindOf(plugin, entry);
      const group = groups.get(kind);
      if (group === undefined) groups.set(kind, new Set([entry]));
      else group.add(entry);
    }
  }

  /** Before `entry.info` or `entry.rejectedBy` change. */
  delete(entry: QueueEntry): void {
    for (const name of entry.rejectedBy) {
      const plugin = this.#byName.get(name);
      const groups = this.#awaiting.get(name);
      if (plugin === undefined || groups === undefined) continue;
      const kind = kindOf(plugin, entry);
      const group = groups.get(kind);
      group?.delete(entry);
      if (group?.size === 0) groups.delete(kind);
    }
  }

  /** The pods that may have a place after the event, some perhaps more than once. */
  helpedBy(event: QueueEvent): QueueEntry[] {
    const helped: QueueEntry[] = [];
    for (const plugin of this.#plugins) {
      const groups = this.#awaiting.get(plugin.name);
      if (groups === undefined || groups.size === 0 || plugin.hints?.[event.type] === undefined) continue;
      for (const group of groups.values()) {
        const [first] = group;
        if (first !== undefined && helps(plugin, first, event)) for (const entry of group) helped.push(entry);
      }
    }
    return helped;
  }

  /** Whether one of the plugins named finds that the event could help the pod. */
  isHelped(entry: QueueEntry, names: readonly string[], event: QueueEvent): boolean {
    return names.some((name) => {
      const plugin = this.#byName.get(name);
      return plugin !== undefined && helps(plugin, entry, event);
    });
  }
}

function kindOf(plugin: Plugin, entry: QueueEntry): object {
  return plugin.hintsRead === 'template' ? entry.info.template : entry;
}

function helps(plugin: Plugin, { info }: QueueEntry, event: QueueEvent): boolean {
  const hint = plugin.hints?.[event.type] as EventHint<QueueEvent['type']> | undefined;
  return hint?.(info, event) === true;
}
