import { rfc3339 } from '../../clock/index.ts';
import {
  type Condition,
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  keyOf,
  reasonOf,
  withCondition,
} from '../../model/index.ts';
import { collectionOf, drain, type RegistryCore, type Upkeep } from './core.ts';
import { customKinds } from './custom-kind.ts';
import type { FieldProblem, Kind } from './kinds.ts';
import { invalidValue } from './metadata-rules.ts';
import type { Change } from './options.ts';

const DEFINITIONS = collectionOf(CUSTOM_RESOURCE_DEFINITIONS);

/** `apiextensions.CustomResourceCleanupFinalizer`: a definition stays until its objects are gone. */
export const CUSTOM_RESOURCE_CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/** Serves the kinds of CustomResourceDefinitions as soon as they are written. */
export class CustomKinds implements Upkeep {
  readonly #core: RegistryCore;
  /** Kinds served for each definition, by its name. */
  readonly #served = new Map<string, readonly Kind[]>();
  readonly #due = new Set<string>();
  /** Collections of definitions that wait for their objects to go, with the definition's name. */
  readonly #emptying = new Map<string, string>();

  constructor(core: RegistryCore) {
    this.#core = core;
  }

  observe({ type, collection, object, previous }: Change): void {
    if (collection === DEFINITIONS) {
      const crd = object as CustomResourceDefinition;
      const before = previous as CustomResourceDefinition | undefined;
      const marked = crd.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp;
      if (type === 'DELETED' || before?.spec !== crd.spec || marked) this.#due.add(crd.metadata.name);
    } else if (type === 'DELETED') {
      const waiting = this.#emptying.get(collection);
      if (waiting !== undefined) this.#due.add(waiting);
    }
  }

  isDue(): boolean {
    return this.#due.size > 0;
  }

  run(): void {
    drain(this.#due, (name) => this.#look(name));
  }

  /** What is wrong with a definition beyond its shape. */
  problemsOf(crd: CustomResourceDefinition): FieldProblem[] {
    const { name } = crd.metadata;
    const { group, names, versions } = crd.spec;
    const problems: FieldProblem[] = [];
    if (name !== `${names.plural}.${group}`) {
      problems.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
    }
    if (versions.filter(({ storage }) => storage).length !== 1) {
      problems.push({
        path: 'spec.versions',
        reason: 'FieldValueInvalid',
        message: 'Invalid value: must have exactly one version marked as storage version',
      });
    }
    versions.forEach(({ schema }, index) => {
      const path = `spec.versions[${index}].schema.openAPIV3Schema`;
      if (schema?.openAPIV3Schema === undefined) {
        problems.push({ path, reason: 'FieldValueRequired', message: 'Required value: schemas are required' });
      } else if (schema.openAPIV3Schema.type !== 'object') {
        problems.push(invalidValue(`${path}.type`, schema.openAPIV3Schema.type ?? '', 'must be object at the root'));
      }
    });
    if (problems.length > 0) return problems;
    try {
      customKinds(crd);
    } catch (error) {
      problems.push(invalidValue('spec.versions', names.kind, `schema cannot be used: ${reasonOf(error)}`));
    }
    return problems;
  }

  #look(name: string): void {
    const crd = this.#core.get(DEFINITIONS, name) as CustomResourceDefinition | undefined;
    if (crd === undefined) {
      this.#serve(name, []);
      // Names that another definition was refused for may be free now.
      for (const other of this.#core.ledger.collection(DEFINITIONS).keys())
        if (!this.#served.has(other)) this.#due.add(other);
      return;
    }
    if (crd.metadata.deletionTimestamp !== undefined) {
      this.#empty(crd);
      return;
    }
    const taken = this.#nameConflict(crd);
    this.#serve(name, taken === undefined && !this.#isBuiltIn(crd) ? customKinds(crd) : []);
    this.#writeStatus(crd, taken);
  }

  #serve(name: string, kinds: readonly Kind[]): void {
    const before = this.#served.get(name) ?? [];
    if (kinds.length === 0) this.#served.delete(name);
    else this.#served.set(name, kinds);
    if (before.length > 0 || kinds.length > 0) this.#core.kinds.update(before, kinds);
  }

  #empty(crd: CustomResourceDefinition): void {
    const { name } = crd.metadata;
    const collection = this.#core.ledger.collection(
      collectionOf({ group: crd.spec.group, plural: crd.spec.names.plural }),
    );
    if (!this.#isBuiltIn(crd)) {
      this.#emptying.set(collection.id, name);
      for (const key of collection.keys()) {
        const object = collection.get(key);
        if (object === undefined || object.metadata.deletionTimestamp !== undefined) continue;
        this.#core.requestDeletion(collection.id, key, {});
      }
      if (collection.size > 0) return;
    }
    this.#emptying.delete(collection.id);
    this.#due.delete(name);
    const current = this.#core.get(DEFINITIONS, name);
    if (current === undefined) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((held) => held !== CUSTOM_RESOURCE_CLEANUP_FINALIZER);
    this.#core.put(DEFINITIONS, name, { ...current, metadata: { ...current.metadata, finalizers } });
  }

  /** Fermata's own kinds are served even without their definitions; those may still be installed, for clients to see. */
  #isBuiltIn({ spec }: CustomResourceDefinition): boolean {
    return spec.versions.some(
      ({ name }) => this.#core.kinds.find(spec.group, name, spec.names.plural)?.custom === false,
    );
  }

  #nameConflict(crd: CustomResourceDefinition): { reason: string; message: string } | undefined {
    const { names, group } = crd.spec;
    const others = this.#core.kinds
      .list()
      .filter(({ type }) => type.group === group && (type.plural !== names.plural || type.kind !== names.kind));
    const words = new Set(others.flatMap(({ type }) => [type.plural, type.singular, ...type.shortNames]));
    const inUse = (reason: string, word: string) => ({ reason, message: `"${word}" is already in use` });
    if (words.has(names.plural)) return inUse('PluralConflict', names.plural);
    const singular = names.singular ?? names.kind.toLowerCase();
    if (words.has(singular)) return inUse('SingularConflict', singular);
    const short = (names.shortNames ?? []).find((word) => words.has(word));
    if (short !== undefined) return inUse('ShortNamesConflict', short);
    if (others.some(({ type }) => type.kind === names.kind)) return inUse('KindConflict', names.kind);
    return undefined;
  }

  #writeStatus(crd: CustomResourceDefinition, taken: { reason: string; message: string } | undefined): void {
    const now = rfc3339(this.#core.clock.now());
    const { names, versions } = crd.spec;
    const accepted: Condition =
      taken === undefined
        ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
        : { type: 'NamesAccepted', status: 'False', ...taken };
    const established: Condition =
      taken === undefined
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
    const stored = new Set(crd.status?.storedVersions ?? []);
    for (const { name, storage } of versions) if (storage) stored.add(name);
    let conditions = crd.status?.conditions as Condition[] | undefined;
    conditions = withCondition(withCondition(conditions, accepted, now), established, now);
    const defaulted = {
      ...names,
      singular: names.singular ?? names.kind.toLowerCase(),
      listKind: names.listKind ?? `${names.kind}List`,
    };
    const status = {
      ...crd.status,
      conditions: conditions as NonNullable<CustomResourceDefinition['status']>['conditions'],
      storedVersions: [...stored],
      ...(taken === undefined ? { acceptedNames: defaulted } : {}),
    } as NonNullable<CustomResourceDefinition['status']>;
    const next: CustomResourceDefinition = { ...crd, status };
    this.#core.put(DEFINITIONS, keyOf(crd), next);
  }
}
