import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { type KubeObject, kindOf, validateObject } from '../src/model/index.ts';
import { parseSchedulerConfiguration } from '../src/scheduling/index.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', 'docs', 'scheduling.md'), 'utf8');

const documents = [...PAGE.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, text = '']) =>
  parseAllDocuments(text).map((document) => document.toJS() as KubeObject & Record<string, unknown>),
);

documents.forEach((document, index) => {
  test(`docs/scheduling.md: example ${index + 1}, a ${document.kind}, is valid`, () => {
    if (document.kind === 'KubeSchedulerConfiguration') {
      assert.deepEqual(parseSchedulerConfiguration(document).ignored, []);
      return;
    }
    const [group = '', version] = document.apiVersion.split('/');
    const kind = kindOf({ group: version === undefined ? '' : group, kind: document.kind });
    assert.ok(kind, `${document.apiVersion} ${document.kind} is a kind of the model`);
    const { errors, unknownFields } = validateObject(kind, document, { creating: true });
    assert.deepEqual(errors, []);
    assert.deepEqual(unknownFields, []);
  });
});

test('docs/scheduling.md has examples', () => assert.ok(documents.length >= 5));
