import type { Clock, Random } from '../clock/index.ts';
import type { KubeObject, Log } from '../model/index.ts';
import type { ObjectStore } from './store.ts';

/** Records core/v1 Events about objects. Never throws and never blocks. */
export class EventRecorder {
  constructor(
    _parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    _options: { component: string; host?: string },
  ) {}

  record(_object: KubeObject, _type: 'Normal' | 'Warning', _reason: string, _message: string): void {}

  /** Resolves when all that was recorded so far is written or was dropped. */
  flush(): Promise<void> {
    return Promise.resolve();
  }
}
