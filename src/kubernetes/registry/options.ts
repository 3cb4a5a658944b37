import type { KubeObject } from '../../model/index.ts';
import type { DeleteOptions, ListOptions, ObjectList, WatchOptions, WriteOptions } from '../store.ts';

/** What becomes of fields the schema does not know (`?fieldValidation=`). Unknown fields are never stored. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface RegistryWriteOptions extends WriteOptions {
  /** Do everything but store the result. Default false. */
  dryRun?: boolean;
  /** Strict: refused with BadRequest. Warn: dropped, and `warn` is told. Ignore: dropped. Default `Warn`. */
  fieldValidation?: FieldValidation;
  /** Gets what an API server sends as `Warning:` headers. */
  warn?: (message: string) => void;
}

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface RegistryDeleteOptions extends DeleteOptions {
  /** Default Background. */
  propagationPolicy?: PropagationPolicy;
  dryRun?: boolean;
}

export interface RegistryListOptions extends ListOptions {
  /** At least (or with `Exact`: exactly) this old; '' or '0' or absent: the newest. */
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface RegistryList<T> extends ObjectList<T> {
  /** How many follow after this page; absent when it is the last, or when a selector was given. */
  remainingItemCount?: number;
}

export interface RegistryWatchOptions extends WatchOptions {
  /** Whether to send bookmarks, about every 60 s. Default true. */
  bookmarks?: boolean;
  /** First the present objects as ADDED, then a bookmark marked `initialEventsEnd`, then changes (KEP-3157). */
  sendInitialEvents?: boolean;
}

/** One committed write. Objects are frozen and shared. */
export interface Change<T extends KubeObject = KubeObject> {
  revision: number;
  /** `<group>/<plural>` */
  collection: string;
  /** `namespace/name`, or `name`. */
  key: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The new object; for DELETED the last one, with the revision of the deletion. */
  object: T;
  previous: T | undefined;
}
