import type { Kind } from '../../../kubernetes/index.ts';

/** An operation before it is said in the words of OpenAPI 2 or 3. */
export interface Operation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** `x-kubernetes-action` */
  action: string;
  description: string;
  query: readonly QueryParameter[];
  /** Media types of a body, and the definition it is of; absent: none. */
  body?: { types: readonly string[]; definition?: string };
  /** Definition of the answer; absent: any object. */
  answer?: string;
}

export interface QueryParameter {
  name: string;
  type: 'string' | 'integer' | 'boolean';
  description: string;
}

const parameter = (name: string, type: QueryParameter['type'], description: string): QueryParameter => ({
  name,
  type,
  description,
});

const DRY_RUN = parameter('dryRun', 'string', 'All: nothing is stored.');
const WRITE: readonly QueryParameter[] = [
  DRY_RUN,
  parameter('fieldManager', 'string', 'Name of the writer.'),
  parameter('fieldValidation', 'string', 'What becomes of unknown fields: Strict, Warn or Ignore.'),
];
const LIST: readonly QueryParameter[] = [
  parameter('allowWatchBookmarks', 'boolean', 'Whether the watch may send bookmarks.'),
  parameter('continue', 'string', 'Where the next page begins.'),
  parameter('fieldSelector', 'string', 'Selects by fields.'),
  parameter('labelSelector', 'string', 'Selects by labels.'),
  parameter('limit', 'integer', 'Most objects in one answer.'),
  parameter('resourceVersion', 'string', 'Version to start from.'),
  parameter('resourceVersionMatch', 'string', 'Exact or NotOlderThan.'),
  parameter('sendInitialEvents', 'boolean', 'Whether a watch begins with what there is.'),
  parameter('timeoutSeconds', 'integer', 'How long a watch lasts.'),
  parameter('watch', 'boolean', 'Stream changes instead.'),
];
const DELETE: readonly QueryParameter[] = [
  DRY_RUN,
  parameter('gracePeriodSeconds', 'integer', 'Seconds until the object is removed.'),
  parameter('propagationPolicy', 'string', 'Background, Foreground or Orphan.'),
];
const BODY_TYPES = ['application/json', 'application/yaml'];
const PATCH_TYPES = ['application/json-patch+json', 'application/merge-patch+json'];

/** The paths of a kind with what can be done at each. @param definition name of the kind's own definition */
export function pathsOf(kind: Kind, definition: string): Record<string, Operation[]> {
  const { group, version, plural, namespaced, kind: name } = kind.type;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = namespaced ? `${root}/namespaces/{namespace}/${plural}` : `${root}/${plural}`;
  const list: Operation = {
    method: 'get',
    action: 'list',
    description: `List or watch objects of kind ${name}.`,
    query: LIST,
  };
  const post: Operation = {
    method: 'post',
    action: 'post',
    description: `Create an object of kind ${name}.`,
    query: WRITE,
    body: { types: BODY_TYPES, definition },
    answer: definition,
  };
  const deleteAll: Operation = {
    method: 'delete',
    action: 'deletecollection',
    description: `Delete objects of kind ${name}.`,
    query: [...LIST, ...DELETE],
  };
  const result: Record<string, Operation[]> = {
    [collection]: [list, post, deleteAll],
    [`${collection}/{name}`]: [
      ...itemOperations(kind, definition),
      { method: 'delete', action: 'delete', description: `Delete an object of kind ${name}.`, query: DELETE },
    ],
  };
  if (namespaced) result[`${root}/${plural}`] = [list];
  if (kind.subresources.includes('status')) result[`${collection}/{name}/status`] = itemOperations(kind, definition);
  return result;
}

function itemOperations(kind: Kind, definition: string): Operation[] {
  const { kind: name } = kind.type;
  const patchTypes = kind.custom ? PATCH_TYPES : [...PATCH_TYPES, 'application/strategic-merge-patch+json'];
  return [
    { method: 'get', action: 'get', description: `Read an object of kind ${name}.`, query: [], answer: definition },
    {
      method: 'put',
      action: 'put',
      description: `Replace an object of kind ${name}.`,
      query: WRITE,
      body: { types: BODY_TYPES, definition },
      answer: definition,
    },
    {
      method: 'patch',
      action: 'patch',
      description: `Change parts of an object of kind ${name}.`,
      query: WRITE,
      body: { types: patchTypes },
      answer: definition,
    },
  ];
}
