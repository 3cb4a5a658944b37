import type { Kind } from '../../../kubernetes/index.ts';
import { ApiError } from '../../../kubernetes/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import { columnsOf } from './columns.ts';

/** How much of each object a row carries (`?includeObject=`). */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** @throws ApiError BadRequest */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw new ApiError('BadRequest', `includeObject must be None, Metadata or Object, not ${text}`);
}

export interface TableOptions {
  /** `v1` or `v1beta1`, as asked for. */
  version: string;
  includeObject: IncludeObject;
  /** Milliseconds since the epoch, for ages. */
  now: number;
}

/** `meta.k8s.io` Table of some objects: what kubectl prints. */
export function tableOf(kind: Kind, objects: readonly KubeObject[], metadata: object, options: TableOptions): object {
  const apiVersion = `meta.k8s.io/${options.version}`;
  const columns = columnsOf(kind);
  return {
    kind: 'Table',
    apiVersion,
    metadata,
    columnDefinitions: columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.value(object, options.now)),
      ...(options.includeObject === 'None'
        ? {}
        : { object: includedObject(object, apiVersion, options.includeObject) }),
    })),
  };
}

function includedObject(object: KubeObject, apiVersion: string, include: IncludeObject): object {
  return include === 'Object' ? object : { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
}
