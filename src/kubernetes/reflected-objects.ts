import { type KubeObject, keyOf } from '../model/index.ts';

interface Handlers<T> {
  onChange?: (object: T, previous: T | undefined) => void;
  onDelete?: (object: T) => void;
}

/** The objects of a reflector: turns lists and watch events into one call a change, none twice. */
export class ReflectedObjects<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #handlers: Handlers<T>;
  readonly #onError: (error: unknown, key: string) => void;

  constructor(handlers: Handlers<T>, onError: (error: unknown, key: string) => void) {
    this.#handlers = handlers;
    this.#onError = onError;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  items(): T[] {
    return [...this.#objects.values()];
  }

  /** A complete list: what is not in it is gone. Deletions come first, so that whoever counts room never counts it twice. */
  replaceAll(items: readonly T[]): void {
    const listed = new Map(items.map((object) => [keyOf(object), object]));
    for (const [key, held] of [...this.#objects]) {
      if (listed.get(key)?.metadata.uid !== held.metadata.uid) this.#drop(key, held);
    }
    for (const object of listed.values()) this.put(object);
  }

  put(object: T): void {
    const key = keyOf(object);
    let previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      // Its deletion went unseen.
      this.#drop(key, previous);
      previous = undefined;
    }
    this.#objects.set(key, object);
    this.#call(key, () => this.#handlers.onChange?.(object, previous));
  }

  remove(object: T): void {
    const key = keyOf(object);
    if (this.#objects.get(key)?.metadata.uid === object.metadata.uid) this.#drop(key, object);
  }

  #drop(key: string, last: T): void {
    this.#objects.delete(key);
    this.#call(key, () => this.#handlers.onDelete?.(last));
  }

  #call(key: string, handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#onError(error, key);
    }
  }
}
