import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CONFIG_MAPS,
  type ConfigMap,
  type Draft,
  type KubeObject,
  NAMESPACES,
  PODS,
  type Pod,
  type ResourceType,
  SERVICE_ACCOUNTS,
} from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
import type { ApiReason, ObjectKey, ObjectStore, WatchEvent, WatchOptions } from '../store.ts';

/** What must hold, keyed by a sentence. */
export type ComplianceCases = Readonly<Record<string, (scene: Scene) => Promise<void>>>;

/** Keeps a real cluster's scheduler away from the pods of a test. */
const SCHEDULER = 'fermata-compliance';

/** One store and one namespace in it that belongs to a single test. */
export class Scene {
  readonly store: ObjectStore;
  readonly namespace: string;
  readonly #abort = new AbortController();

  private constructor(store: ObjectStore, namespace: string) {
    this.store = store;
    this.namespace = namespace;
  }

  static async begin(store: ObjectStore): Promise<Scene> {
    const { metadata } = await store.create(NAMESPACES, { metadata: { generateName: 'compliance-' } });
    const scene = new Scene(store, metadata.name);
    // A real cluster makes it a moment later, and refuses pods until then.
    await scene.eventually('the namespace has its service account', () =>
      scene.exists(SERVICE_ACCOUNTS, scene.key('default')),
    );
    return scene;
  }

  async end(): Promise<void> {
    this.#abort.abort(new Error('the test is over'));
    for (const pod of (await this.store.list(PODS, { namespace: this.namespace })).items) {
      await this.ignoring('NotFound', this.store.delete(PODS, pod.metadata, { gracePeriodSeconds: 0 }));
    }
    await this.ignoring('NotFound', this.store.delete(NAMESPACES, { name: this.namespace }));
  }

  key(name: string): ObjectKey {
    return { namespace: this.namespace, name };
  }

  createConfigMap(
    name: string,
    rest: Partial<ConfigMap> & { labels?: Record<string, string> } = {},
  ): Promise<ConfigMap> {
    const { labels, ...content } = rest;
    const metadata = { name, namespace: this.namespace, ...(labels === undefined ? {} : { labels }) };
    return this.store.create(CONFIG_MAPS, { data: { key: 'value' }, ...content, metadata });
  }

  createPod(name: string, spec: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Promise<Pod> {
    const draft: Draft<Pod> = {
      metadata: { ...metadata, name, namespace: this.namespace },
      spec: {
        schedulerName: SCHEDULER,
        // Servers before 1.24 refuse pods until a controller has made a token for them.
        automountServiceAccountToken: false,
        containers: [{ name: 'main', image: 'registry.example/none:1' }],
        ...spec,
      },
    };
    return this.store.create(PODS, draft);
  }

  async createBoundPod(name: string, spec: Partial<Pod['spec']> = {}): Promise<Pod> {
    const { metadata } = await this.createPod(name, spec);
    await this.store.bind({ ...this.key(name), uid: metadata.uid }, 'compliance-node');
    return this.store.get(PODS, this.key(name));
  }

  /** An open watch that ends with the test. */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: Partial<WatchOptions> & { resourceVersion: string },
  ): WatchReader<T> {
    const whole = { namespace: this.namespace, signal: this.#abort.signal, ...options };
    return new WatchReader(this.store.watch(type, whole));
  }

  async refuses(reasons: ApiReason | ApiReason[], call: Promise<unknown>): Promise<Error> {
    const wanted = [reasons].flat();
    const error = await call.then(
      () => new Error(`nothing was refused; wanted ${wanted.join(' or ')}`),
      (refusal: unknown) => refusal,
    );
    if (isApiError(error, ...wanted)) return error;
    throw error;
  }

  async isGone(type: ResourceType, key: ObjectKey): Promise<void> {
    await this.refuses('NotFound', this.store.get(type, key));
  }

  /** Waits for what a server does in the background. */
  async eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 300; attempt++) {
      if (await holds()) return;
      await pause(Math.min(200, attempt));
    }
    assert.fail(`it never came to this: ${what}`);
  }

  async exists(type: ResourceType, key: ObjectKey): Promise<boolean> {
    try {
      await this.store.get(type, key);
      return true;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  async ignoring(reason: ApiReason, call: Promise<unknown>): Promise<void> {
    await call.catch((error: unknown) => {
      if (!isApiError(error, reason)) throw error;
    });
  }
}

/** Reads a watch event by event, bookmarks aside. */
export class WatchReader<T extends KubeObject> {
  readonly #events: AsyncIterator<WatchEvent<T>>;

  constructor(events: AsyncIterable<WatchEvent<T>>) {
    this.#events = events[Symbol.asyncIterator]();
  }

  async next(): Promise<{ type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }> {
    for (;;) {
      const result = await this.#events.next();
      if (result.done) assert.fail('the watch ended');
      if (result.value.type !== 'BOOKMARK') return result.value;
    }
  }

  /** The next events as `TYPE name`. */
  async take(count: number): Promise<string[]> {
    const seen: string[] = [];
    while (seen.length < count) {
      const { type, object } = await this.next();
      seen.push(`${type} ${object.metadata.name}`);
    }
    return seen;
  }

  /** Resolves when the watch ends; rejects when it fails. */
  async ended(): Promise<void> {
    for (;;) if ((await this.#events.next()).done) return;
  }

  async close(): Promise<void> {
    await this.#events.return?.();
  }
}
