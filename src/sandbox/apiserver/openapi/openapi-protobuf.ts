import { ProtobufWriter } from '../protobuf/protobuf-writer.ts';
import type { OpenApiV2 } from './documents.ts';

/**
 * The OpenAPI v2 document in the only form kubectl before 1.28 takes it: `openapi.v2.Document` of google/gnostic
 * (openapiv2/OpenAPIv2.proto, field numbers from there), as far as {@link OpenApiV2} documents use it.
 */
export function encodeOpenApiV2(document: OpenApiV2): Buffer {
  const writer = new ProtobufWriter();
  writer.string(1, document.swagger);
  writer.message(2, (info) => {
    info.string(1, document.info.title);
    info.string(2, document.info.version);
  });
  writer.message(8, (paths) => {
    for (const [path, item] of Object.entries(document.paths)) {
      named(paths, 2, path, (value) => writePathItem(value, item as Record<string, unknown>));
    }
  });
  writer.message(9, (definitions) => {
    for (const [name, schema] of Object.entries(document.definitions)) {
      named(definitions, 1, name, (value) => writeSchema(value, schema));
    }
  });
  return writer.finish();
}

type Members = Record<string, unknown>;

/** `NamedX { string name = 1; X value = 2; }`, one entry of a map. */
function named(writer: ProtobufWriter, field: number, name: string, write: (value: ProtobufWriter) => void): void {
  writer.message(field, (entry) => {
    entry.string(1, name);
    entry.message(2, write);
  });
}

/** `Any { google.protobuf.Any value = 1; string yaml = 2; }`: clients read the YAML, and JSON is YAML. */
function any(value: unknown): (writer: ProtobufWriter) => void {
  return (writer) => writer.string(2, JSON.stringify(value));
}

function writeExtensions(writer: ProtobufWriter, field: number, members: Members): void {
  for (const [name, value] of Object.entries(members)) {
    if (name.startsWith('x-')) named(writer, field, name, any(value));
  }
}

const SCHEMA_STRINGS: Record<string, number> = { $ref: 1, format: 2, title: 3, description: 4, pattern: 13 };
const SCHEMA_DOUBLES: Record<string, number> = { multipleOf: 6, maximum: 7, minimum: 9 };
const SCHEMA_INTEGERS: Record<string, number> = {
  maxLength: 11,
  minLength: 12,
  maxItems: 14,
  minItems: 15,
  maxProperties: 17,
  minProperties: 18,
};

function writeSchema(writer: ProtobufWriter, schema: Members): void {
  for (const [name, field] of Object.entries(SCHEMA_STRINGS)) {
    if (typeof schema[name] === 'string') writer.string(field, schema[name]);
  }
  if (schema.default !== undefined) writer.message(5, any(schema.default));
  for (const [name, field] of Object.entries(SCHEMA_DOUBLES)) {
    if (typeof schema[name] === 'number') writer.double(field, schema[name]);
  }
  for (const [name, field] of Object.entries(SCHEMA_INTEGERS)) {
    if (typeof schema[name] === 'number') writer.integer(field, schema[name]);
  }
  writer.boolean(16, schema.uniqueItems === true);
  for (const name of listOf(schema.required)) writer.string(19, String(name));
  for (const choice of listOf(schema.enum)) writer.message(20, any(choice));
  const { additionalProperties, type, items, properties } = schema;
  if (isMembers(additionalProperties)) {
    // AdditionalPropertiesItem { Schema schema = 1; bool boolean = 2; }
    writer.message(21, (item) => item.message(1, (value) => writeSchema(value, additionalProperties)));
  } else if (additionalProperties === true) {
    writer.message(21, (item) => item.boolean(2, true));
  }
  if (typeof type === 'string') writer.message(22, (item) => item.string(1, type));
  if (isMembers(items)) writer.message(23, (item) => item.message(1, (value) => writeSchema(value, items)));
  if (isMembers(properties)) {
    writer.message(25, (inner) => {
      for (const [name, property] of Object.entries(properties)) {
        named(inner, 1, name, (value) => writeSchema(value, property as Members));
      }
    });
  }
  writeExtensions(writer, 31, schema);
}

const OPERATIONS: Record<string, number> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function writePathItem(writer: ProtobufWriter, item: Members): void {
  for (const [method, field] of Object.entries(OPERATIONS)) {
    const operation = item[method];
    if (isMembers(operation)) writer.message(field, (value) => writeOperation(value, operation));
  }
  for (const parameter of listOf(item.parameters)) writeParameter(writer, 9, parameter as Members);
}

function writeOperation(writer: ProtobufWriter, operation: Members): void {
  writer.string(3, String(operation.description ?? ''));
  writer.string(5, String(operation.operationId ?? ''));
  for (const type of listOf(operation.produces)) writer.string(6, String(type));
  for (const type of listOf(operation.consumes)) writer.string(7, String(type));
  for (const parameter of listOf(operation.parameters)) writeParameter(writer, 8, parameter as Members);
  writer.message(9, (responses) => {
    for (const [code, response] of Object.entries((operation.responses ?? {}) as Members)) {
      named(responses, 1, code, (value) => value.message(1, (inner) => writeResponse(inner, response as Members)));
    }
  });
  writeExtensions(writer, 13, operation);
}

function writeResponse(writer: ProtobufWriter, response: Members): void {
  writer.string(1, String(response.description ?? ''));
  const { schema } = response;
  if (isMembers(schema)) writer.message(2, (item) => item.message(1, (value) => writeSchema(value, schema)));
}

/** `ParametersItem { Parameter parameter = 1 { BodyParameter = 1 | NonBodyParameter = 2 } }` */
function writeParameter(writer: ProtobufWriter, field: number, parameter: Members): void {
  writer.message(field, (item) =>
    item.message(1, (value) => {
      if (parameter.in === 'body') value.message(1, (body) => writeBodyParameter(body, parameter));
      // NonBodyParameter { …; QueryParameterSubSchema = 3; PathParameterSubSchema = 4; }
      else
        value.message(2, (other) =>
          other.message(parameter.in === 'path' ? 4 : 3, (one) => writeSubSchema(one, parameter)),
        );
    }),
  );
}

function writeBodyParameter(writer: ProtobufWriter, parameter: Members): void {
  writer.string(2, String(parameter.name));
  writer.string(3, 'body');
  writer.boolean(4, parameter.required === true);
  const { schema } = parameter;
  if (isMembers(schema)) writer.message(5, (value) => writeSchema(value, schema));
}

function writeSubSchema(writer: ProtobufWriter, parameter: Members): void {
  writer.boolean(1, parameter.required === true);
  writer.string(2, String(parameter.in));
  writer.string(3, String(parameter.description ?? ''));
  writer.string(4, String(parameter.name));
  // The query's message has `allow_empty_value` at 5, which moves all that follow by one.
  writer.string(parameter.in === 'path' ? 5 : 6, String(parameter.type));
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
