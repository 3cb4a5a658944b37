import { type Random, rfc3339 } from '../../clock/index.ts';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type Draft,
  type KubeObject,
  NAMESPACES,
  type ObjectMeta,
  PODS,
  type Pod,
  type ResourceType,
} from '../../model/index.ts';
import type { BindablePod, ObjectKey } from '../store.ts';
import type { Admission } from './admission.ts';
import { adopt } from './adopt.ts';
import { collectionOf, type DeletionRequest, type RegistryCore } from './core.ts';
import { CUSTOM_RESOURCE_CLEANUP_FINALIZER } from './custom-kinds.ts';
import type { GarbageCollector } from './garbage-collector.ts';
import type { FieldProblem, Kind } from './kinds.ts';
import { finalizerProblems, invalidValue } from './metadata-rules.ts';
import { generatedName, generatedUid } from './names.ts';
import type { NamespaceLifecycle } from './namespace-lifecycle.ts';
import { headerOf, type ObjectReader, storageKey } from './object-reader.ts';
import type { RegistryDeleteOptions, RegistryWriteOptions } from './options.ts';
import { boundPod } from './pods.ts';
import { alreadyExists, badRequest, conflict, invalid, MODIFIED_MEANWHILE, notFound, notServed } from './refusals.ts';
import { presented } from './selection.ts';

/** kube-apiserver tries this often for a generated name that is free. */
const NAME_ATTEMPTS = 8;

type WithParts = KubeObject & { spec?: unknown; status?: unknown };

/** Create, update, delete and bind: what an API server does between decoding a request and storing the object. */
export class ObjectWriter {
  readonly #core: RegistryCore;
  readonly #reader: ObjectReader;
  readonly #admission: Admission;
  readonly #namespaces: NamespaceLifecycle;
  readonly #collector: GarbageCollector;
  readonly #random: Random;

  constructor(
    core: RegistryCore,
    parts: {
      reader: ObjectReader;
      admission: Admission;
      namespaces: NamespaceLifecycle;
      collector: GarbageCollector;
      random: Random;
    },
  ) {
    this.#core = core;
    this.#reader = parts.reader;
    this.#admission = parts.admission;
    this.#namespaces = parts.namespaces;
    this.#collector = parts.collector;
    this.#random = parts.random;
  }

  create<T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>, options: RegistryWriteOptions): T {
    const kind = this.#reader.kind(type);
    const collection = collectionOf(type);
    const { apiVersion: _version, kind: _kind, metadata, ...content } = draft;
    const named = { ...this.#header(kind, draft), metadata: this.#newMetadata(type, metadata), ...content };
    const { object: prepared } = this.#prepared(kind as Kind, named as unknown as KubeObject, undefined, options);
    this.#check(kind as Kind, prepared, undefined);
    const object = this.#withGeneration(kind as Kind, this.#admission.admitNew(kind as Kind, prepared) as WithParts);
    const key = storageKey(type, object.metadata);
    if (this.#core.get(collection, key) !== undefined) throw alreadyExists(type, object.metadata.name);
    const stored = options.dryRun ? adopt<KubeObject>(object) : this.#core.put(collection, key, object);
    return presented(kind, stored);
  }

  update<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    change: (current: T) => T,
    options: RegistryWriteOptions,
  ): T {
    const kind = this.#reader.kind(type) as Kind;
    if (options.subresource !== undefined && !kind.subresources.includes(options.subresource)) throw notServed();
    const collection = collectionOf(type);
    const place = storageKey(type, key);
    const current = this.#core.get(collection, place) as WithParts | undefined;
    if (current === undefined) throw notFound(type, key.name);
    const proposed = change(presented(kind as Kind<T>, current)) as WithParts;
    const merged = this.#merged(kind, proposed, current, options.subresource);
    const prepared = this.#prepared(kind, merged, current, options);
    const next = adopt(prepared.object, current);
    if (next === current) return presented(kind as Kind<T>, current);
    const counted = bumped(kind, next, current);
    const versioned = counted === next ? next : adopt(counted, current);
    this.#admission.admitUpdate(kind, versioned);
    this.#check(kind, versioned, current, prepared.problems);
    return presented(kind as Kind<T>, options.dryRun ? versioned : this.#core.putAdopted(collection, place, versioned));
  }

  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: RegistryDeleteOptions): T {
    const kind = this.#reader.kind(type);
    const collection = collectionOf(type);
    const place = storageKey(type, key);
    const current = this.#core.get(collection, place);
    if (current === undefined) throw notFound(type, key.name);
    checkPreconditions(type, current, options);
    if (collection === collectionOf(NAMESPACES)) this.#namespaces.admitDeletion(key.name);
    const { gracePeriodSeconds, propagationPolicy } = options;
    const request: DeletionRequest = {
      gracePeriodSeconds,
      propagationPolicy,
      // The objects of a definition go before it.
      ...(collection === collectionOf(CUSTOM_RESOURCE_DEFINITIONS)
        ? { addFinalizer: CUSTOM_RESOURCE_CLEANUP_FINALIZER }
        : {}),
    };
    if (options.dryRun) {
      const plan = this.#core.planDeletion(collection, current, request);
      return presented(kind, plan.outcome === 'mark' ? adopt(plan.next, current) : current);
    }
    if (propagationPolicy === 'Orphan') this.#collector.orphanDependentsOf(current);
    return presented(kind, this.#core.requestDeletion(collection, place, request));
  }

  bind(key: BindablePod, nodeName: string): void {
    const pod = this.#reader.get(PODS, key);
    const bound: Pod = boundPod(pod, key, nodeName, this.#core.clock.now());
    this.#core.put(collectionOf(PODS), storageKey(PODS, key), withGenerationBumped(bound));
  }

  #header(kind: Kind, { apiVersion, kind: name }: { apiVersion?: string; kind?: string }): ReturnType<typeof headerOf> {
    const header = headerOf(kind.type);
    if (apiVersion !== undefined && apiVersion !== header.apiVersion) {
      throw badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${header.apiVersion})`,
      );
    }
    if (name !== undefined && name !== header.kind) {
      throw badRequest(`the kind in the data (${name}) does not match the expected kind (${header.kind})`);
    }
    return header;
  }

  #newMetadata(type: ResourceType, given: Partial<ObjectMeta>): ObjectMeta {
    const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, generation: _generation, ...own } = given;
    const { namespace, resourceVersion, ...rest } = own;
    if (resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    if (type.namespaced && !namespace) throw badRequest('an empty namespace may not be set during creation');
    const name = given.name || this.#generatedName(type, given);
    return {
      ...rest,
      name,
      ...(type.namespaced && namespace ? { namespace } : {}),
      uid: generatedUid(this.#random),
      resourceVersion: '',
      creationTimestamp: rfc3339(this.#core.clock.now()),
    };
  }

  #generatedName(type: ResourceType, { generateName, namespace }: Partial<ObjectMeta>): string {
    if (!generateName) return '';
    let name = '';
    for (let attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
      name = generatedName(generateName, this.#random);
      const key = type.namespaced ? `${namespace}/${name}` : name;
      if (this.#core.get(collectionOf(type), key) === undefined) break;
    }
    return name;
  }

  #prepared(
    kind: Kind,
    object: KubeObject,
    current: KubeObject | undefined,
    { fieldValidation = 'Warn', warn }: RegistryWriteOptions,
  ): ReturnType<Kind['prepare']> {
    const prepared = kind.prepare(object, current);
    if (prepared.unknownFields.length === 0 || fieldValidation === 'Ignore') return prepared;
    const problems = prepared.unknownFields.map((path) => `unknown field "${path}"`);
    if (fieldValidation === 'Strict') {
      const { version, kind: name } = kind.type;
      throw badRequest(
        `${name} in version "${version}" cannot be handled as a ${name}: strict decoding error: ${problems.join(', ')}`,
      );
    }
    for (const problem of problems) warn?.(problem);
    return prepared;
  }

  #withGeneration(kind: Kind, object: WithParts): KubeObject {
    const counted = kind.custom || (object.spec !== undefined && !UNCOUNTED.has(kind.type.kind));
    return counted ? { ...object, metadata: { ...object.metadata, generation: 1 } } : object;
  }

  /** What is to be stored: the part of `proposed` this write is about, in the place of the current one. */
  #merged(kind: Kind, proposed: WithParts, current: WithParts, subresource: 'status' | undefined): WithParts {
    const { type } = kind;
    const { name } = current.metadata;
    const header = this.#header(kind, proposed);
    const given = proposed.metadata;
    if (given.uid && given.uid !== current.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${current.metadata.uid}`;
      throw conflict(type, name, why);
    }
    if (given.resourceVersion && given.resourceVersion !== current.metadata.resourceVersion) {
      throw conflict(type, name, MODIFIED_MEANWHILE);
    }
    if (given.name !== name) {
      throw invalid(type, name, [invalidValue('metadata.name', given.name, 'field is immutable')]);
    }
    if ((given.namespace ?? current.metadata.namespace) !== current.metadata.namespace) {
      throw invalid(type, name, [invalidValue('metadata.namespace', given.namespace, 'field is immutable')]);
    }
    if (subresource === 'status') return withStatusOf(current, proposed);
    const whole = { ...proposed, ...header, metadata: nextMetadata(given, current.metadata) };
    return kind.subresources.includes('status') ? withStatusOf(whole, current) : whole;
  }

  #check(kind: Kind, object: KubeObject, current: KubeObject | undefined, known?: readonly FieldProblem[]): void {
    const problems = [...(known ?? kind.validate(object, current)), ...this.#admission.problemsOf(kind, object)];
    if (current !== undefined) {
      problems.push(...finalizerProblems(object.metadata, current.metadata), ...kind.validateUpdate(object, current));
    }
    if (problems.length > 0) throw invalid(kind.type, object.metadata.name, problems);
  }
}

/** Kinds with a spec whose generation Kubernetes does not count. */
const UNCOUNTED: ReadonlySet<string> = new Set(['Node', 'Namespace', 'Lease']);

function withStatusOf(object: WithParts, source: WithParts): WithParts {
  const { status: _replaced, ...rest } = object;
  return source.status === undefined ? rest : { ...rest, status: source.status };
}

/** What clients may not change of an object's metadata stays as it is. */
function nextMetadata(given: ObjectMeta, current: ObjectMeta): ObjectMeta {
  const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, generation: _generation, ...own } = given;
  return {
    ...own,
    ...(current.namespace === undefined ? {} : { namespace: current.namespace }),
    uid: current.uid,
    resourceVersion: current.resourceVersion,
    creationTimestamp: current.creationTimestamp,
    ...(current.generation === undefined ? {} : { generation: current.generation }),
    ...(current.deletionTimestamp === undefined ? {} : { deletionTimestamp: current.deletionTimestamp }),
    ...(current.deletionGracePeriodSeconds === undefined
      ? {}
      : { deletionGracePeriodSeconds: current.deletionGracePeriodSeconds }),
  };
}

/** The generation goes up with each change of what is asked for; custom resources may ask outside of `spec`, too. */
function bumped(kind: Kind, next: WithParts, current: WithParts): KubeObject {
  if (current.metadata.generation === undefined) return next;
  if (!kind.custom) return next.spec === current.spec ? next : withGenerationBumped(next);
  const members = (object: WithParts): Record<string, unknown> => {
    const { metadata: _metadata, status, ...asked } = object;
    return kind.subresources.includes('status') ? asked : { ...asked, status };
  };
  const before = members(current);
  const after = members(next);
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].every((name) => before[name] === after[name]) ? next : withGenerationBumped(next);
}

function withGenerationBumped<T extends KubeObject>(object: T): T {
  const { generation } = object.metadata;
  return generation === undefined
    ? object
    : { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

function checkPreconditions(type: ResourceType, current: KubeObject, options: RegistryDeleteOptions): void {
  const { name, uid, resourceVersion } = current.metadata;
  // kube-apiserver names the kind, not the resource, in just this message.
  const named = { ...type, plural: type.kind };
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      named,
      name,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      named,
      name,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}
