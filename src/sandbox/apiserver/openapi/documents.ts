import type { Kind, Registry } from '../../../kubernetes/index.ts';
import { apiVersionOf, type ResourceType } from '../../../model/index.ts';
import { Definitions, type JsonSchema, type OpenApiSchema } from './openapi-schema.ts';
import { type Operation, pathsOf, type QueryParameter } from './paths.ts';

const INFO = { title: 'Kubernetes', version: 'v1.35.0' };

export interface OpenApiV2 {
  swagger: '2.0';
  info: typeof INFO;
  paths: Record<string, object>;
  definitions: Record<string, OpenApiSchema>;
}

/** `/openapi/v2`: everything served, in one document. */
export function openApiV2(registry: Registry): OpenApiV2 {
  const definitions = new Definitions(2, objectMetaOf(registry));
  const paths: Record<string, object> = {};
  for (const kind of registry.kinds.list()) {
    const definition = defineKind(definitions, kind);
    for (const [path, operations] of Object.entries(pathsOf(kind, definition))) {
      paths[path] = {
        ...Object.fromEntries(operations.map((one) => [one.method, operationV2(definitions, kind, one)])),
        parameters: pathParameters(path).map((name) => ({ name, in: 'path', required: true, type: 'string' })),
      };
    }
  }
  return { swagger: '2.0', info: INFO, paths, definitions: definitions.schemas };
}

/** `/openapi/v3/api/v1` and its like: what is served of one group and version. */
export function openApiV3(registry: Registry, groupVersion: string): object | undefined {
  const definitions = new Definitions(3, objectMetaOf(registry));
  const paths: Record<string, object> = {};
  for (const kind of registry.kinds.list()) {
    if (apiVersionOf(kind.type) !== groupVersion) continue;
    const definition = defineKind(definitions, kind);
    for (const [path, operations] of Object.entries(pathsOf(kind, definition))) {
      paths[path] = {
        ...Object.fromEntries(operations.map((one) => [one.method, operationV3(definitions, kind, one)])),
        parameters: pathParameters(path).map((name) => ({
          name,
          in: 'path',
          required: true,
          schema: { type: 'string' },
        })),
      };
    }
  }
  if (Object.keys(paths).length === 0) return undefined;
  return { openapi: '3.0.0', info: INFO, paths, components: { schemas: definitions.schemas } };
}

/** The groups and versions that have a document, as the last part of its path: `api/v1`, `apis/policy/v1`. */
export function documentPaths(registry: Registry): Map<string, string> {
  const result = new Map<string, string>();
  for (const { type } of registry.kinds.list()) {
    const groupVersion = apiVersionOf(type);
    result.set(type.group === '' ? `api/${groupVersion}` : `apis/${groupVersion}`, groupVersion);
  }
  return result;
}

/** As the standard kinds have it. */
function objectMetaOf(registry: Registry): JsonSchema {
  const standard = registry.kinds.list().find((kind) => !kind.custom);
  return (standard?.schema as JsonSchema | undefined)?.properties?.metadata ?? { type: 'object' };
}

function defineKind(definitions: Definitions, { type, schema }: Kind): string {
  const scope = packageOf(type);
  const name = `${scope}.${type.kind}`;
  definitions.defineKind(name, schema as JsonSchema, scope, {
    'x-kubernetes-group-version-kind': [groupVersionKind(type)],
  });
  return name;
}

/** Where the types of a group are said to come from; as kube-apiserver names them. */
function packageOf({ group, version }: ResourceType): string {
  if (group === 'apiextensions.k8s.io') return `io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.${version}`;
  if (group === '') return `io.k8s.api.core.${version}`;
  if (!group.includes('.') || group.endsWith('.k8s.io')) return `io.k8s.api.${group.split('.')[0]}.${version}`;
  return `${group.split('.').reverse().join('.')}.${version}`;
}

function groupVersionKind({ group, version, kind }: ResourceType): object {
  return { group, version, kind };
}

function pathParameters(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}

function operationBase({ type }: Kind, { action, description }: Operation): object {
  const id = `${action}${type.group.replace(/\W/g, '')}${type.version}${type.kind}`;
  return {
    description,
    operationId: id,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(type),
  };
}

function operationV2(definitions: Definitions, kind: Kind, operation: Operation): object {
  const { body, answer, query } = operation;
  const parameters: object[] = query.map(({ name, type, description }: QueryParameter) => ({
    name,
    in: 'query',
    type,
    description,
    uniqueItems: true,
  }));
  if (body !== undefined) {
    const schema = body.definition === undefined ? { type: 'object' } : { $ref: definitions.ref(body.definition) };
    parameters.unshift({ name: 'body', in: 'body', required: true, schema });
  }
  const schema = answer === undefined ? { type: 'object' } : { $ref: definitions.ref(answer) };
  return {
    ...operationBase(kind, operation),
    ...(body === undefined ? {} : { consumes: body.types }),
    produces: ['application/json', 'application/yaml'],
    parameters,
    responses: { '200': { description: 'OK', schema } },
  };
}

function operationV3(definitions: Definitions, kind: Kind, operation: Operation): object {
  const { body, answer, query } = operation;
  const content = (types: readonly string[], definition: string | undefined): object => {
    const schema = definition === undefined ? { type: 'object' } : { $ref: definitions.ref(definition) };
    return Object.fromEntries(types.map((type) => [type, { schema }]));
  };
  return {
    ...operationBase(kind, operation),
    parameters: query.map(({ name, type, description }: QueryParameter) => ({
      name,
      in: 'query',
      description,
      schema: { type, uniqueItems: true },
    })),
    ...(body === undefined ? {} : { requestBody: { required: true, content: content(body.types, body.definition) } }),
    responses: { '200': { description: 'OK', content: content(['application/json', 'application/yaml'], answer) } },
  };
}
