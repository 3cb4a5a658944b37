import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pod } from '../testing.ts';
import { PodTemplates } from './pod-template.ts';
import { ResourceSpace } from './resource-space.ts';

test('a template is found by content, whatever objects of the spec are shared with others', () => {
  const templates = new PodTemplates(new ResourceSpace());
  const { spec } = pod('a').requests({ cpu: '1' }).priority(1).build();
  const first = templates.of(spec);
  assert.equal(templates.of(structuredClone(spec)), first);
  assert.equal(templates.of({ ...spec, nodeName: 'n1' }), first, 'where it is bound is no part of it');
  assert.equal(templates.of({ ...spec, priority: 2 }).spec.priority, 2);
  assert.deepEqual(templates.of({ ...spec, nodeSelector: { disk: 'ssd' } }).spec.nodeSelector, { disk: 'ssd' });
  const { priority: _, ...others } = spec;
  assert.equal(templates.of(others).spec.priority, undefined);
  assert.equal(templates.of(spec), first);
});
