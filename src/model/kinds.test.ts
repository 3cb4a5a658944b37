import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS } from './kinds.ts';
import type { JsonSchema } from './validation/schema-check.ts';

function fieldsOf(schema: JsonSchema, path: string): [string, JsonSchema][] {
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`);
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, property]): [string, JsonSchema][] => [
    [`${path}.${name}`, property],
    ...fieldsOf(property, `${path}.${name}`),
  ]);
  return [...items, ...properties];
}

test('every field of every kind says in a line what it is', () => {
  for (const { type, schema } of KINDS) {
    for (const [path, field] of fieldsOf(schema as JsonSchema, type.kind)) {
      assert.match(field.description ?? '', /^\S[^\n]{3,}\.$/, path);
    }
  }
});

test('every merge key is a field of the elements it merges', () => {
  for (const { type, schema } of KINDS) {
    for (const [path, field] of fieldsOf(schema as JsonSchema, type.kind)) {
      const keys = [
        field['x-kubernetes-patch-merge-key'] ?? [],
        (field['x-kubernetes-list-map-keys'] as string[] | undefined) ?? [],
      ].flat() as string[];
      for (const key of keys) assert.ok(field.items?.properties?.[key], `${path} is merged by ${key}`);
    }
  }
});

test('every kind has columns that begin with its name, but events, which begin with their time', () => {
  for (const { type, columns } of KINDS) {
    const [first] = columns;
    assert.equal(first?.name, type.kind === 'Event' ? 'Last Seen' : 'Name');
    assert.equal(columns.filter(({ format }) => format === 'name').length, 1);
  }
});

test('field selectors name fields that the schema has', () => {
  for (const { type, schema, selectableFields } of KINDS) {
    for (const path of selectableFields) {
      let at: JsonSchema | undefined = schema as JsonSchema;
      for (const step of path.split('.')) at = at?.properties?.[step];
      assert.ok(at, `${type.kind} has ${path}`);
    }
  }
});
