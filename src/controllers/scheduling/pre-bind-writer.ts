import type { Clock } from '../../clock/index.ts';
import type { ObjectStore } from '../../kubernetes/index.ts';
import { type KubeObject, type ResourceType, reasonOf } from '../../model/index.ts';
import type { PreBindStep } from '../../scheduling/index.ts';
import { isDefinite } from './definite-refusal.ts';

const RETRY_MILLISECONDS = 100;
/** Between two looks at a field that a bind waits for. */
const LOOK_MILLISECONDS = 500;

/** The plugin whose write came to nothing, and why. */
export interface PreBindFailure {
  readonly plugin: string;
  readonly reason: string;
}

/** Carries out what plugins want written before a bind, in order. */
export class PreBindWriter {
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  constructor(parts: { store: ObjectStore; clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** Undefined when everything is written and has come about. Throws the signal's reason. */
  async write(steps: readonly PreBindStep[], signal: AbortSignal): Promise<PreBindFailure | undefined> {
    for (const step of steps) {
      const reason = (await this.#patch(step, signal)) ?? (await this.#cameAbout(step, signal));
      if (reason !== undefined) return { plugin: step.plugin, reason };
    }
    return undefined;
  }

  /** Writing the same again does no harm: it is tried until there is an answer. */
  async #patch({ type, namespace, name, patch }: PreBindStep, signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      try {
        await this.#store.patch(type, { name, ...(namespace === undefined ? {} : { namespace }) }, patch, { signal });
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (isDefinite(error)) return `${type.kind} ${name} could not be written: ${reasonOf(error)}`;
        await this.#clock.sleep(RETRY_MILLISECONDS, signal);
      }
    }
  }

  async #cameAbout({ type, namespace, name, waitFor }: PreBindStep, signal: AbortSignal): Promise<string | undefined> {
    if (waitFor === undefined) return undefined;
    const { field, equals, timeoutMilliseconds } = waitFor;
    const deadline = this.#clock.now() + timeoutMilliseconds;
    const key = { name, ...(namespace === undefined ? {} : { namespace }) };
    for (;;) {
      if ((await this.#read(type, key, field, signal)) === equals) return undefined;
      if (this.#clock.now() >= deadline) return `${type.kind} ${name} did not get ${field} ${equals} in time`;
      await this.#clock.sleep(LOOK_MILLISECONDS, signal);
    }
  }

  async #read(
    type: ResourceType,
    key: { name: string; namespace?: string },
    field: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    try {
      return fieldOf(await this.#store.get(type, key, { signal }), field);
    } catch {
      signal.throwIfAborted();
      // Gone, or no answer: looked at again until the time is up.
      return undefined;
    }
  }
}

function fieldOf(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}
