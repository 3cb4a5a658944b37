import type { Clock, Random } from '../clock/index.ts';
import type { KubeObject, Log, ResourceType } from '../model/index.ts';
import type { ObjectStore } from './store.ts';

export interface ReflectorOptions<T> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** An object is new (`previous` undefined) or changed. Must not throw. */
  onChange?: (object: T, previous: T | undefined) => void;
  /** The object as last seen. Must not throw. */
  onDelete?: (object: T) => void;
  /** Once, after the first complete list was handed to `onChange`. */
  onSynced?: () => void;
}

/** A local copy of a kind's objects, kept up by list and watch. */
export class Reflector<T extends KubeObject> {
  constructor(
    _parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    _type: ResourceType<T>,
    _options: ReflectorOptions<T> = {},
  ) {}

  start(): void {
    notYet();
  }

  stop(): Promise<void> {
    return notYet();
  }

  /** Resolves once the first list is in; rejects with the signal's reason. */
  synced(_signal?: AbortSignal): Promise<void> {
    return notYet();
  }

  /** By `keyOf(object)`. */
  get(_key: string): T | undefined {
    return notYet();
  }

  items(): T[] {
    return notYet();
  }
}

function notYet(): never {
  throw new Error('the reflector is not finished');
}
