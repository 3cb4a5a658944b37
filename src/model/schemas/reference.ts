import { flag, integer, object, quantity, text } from './fields.ts';

export const LocalObjectReference = object(
  'LocalObjectReference',
  'Names an object of the same namespace.',
  [],
  {
    name: text('Name of the referent.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const ObjectReference = object(
  'ObjectReference',
  'Names an object.',
  [],
  {
    apiVersion: text('API version of the referent.'),
    fieldPath: text('Part of the object, e.g. spec.containers{name}.'),
    kind: text('Kind of the referent.'),
    name: text('Name of the referent.'),
    namespace: text('Namespace of the referent.'),
    resourceVersion: text('Specific resourceVersion to which this reference is made, if any.'),
    uid: text('UID of the referent.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const ObjectFieldSelector = object(
  'ObjectFieldSelector',
  'ObjectFieldSelector selects an APIVersioned field of an object.',
  ['fieldPath'],
  {
    apiVersion: text('Version of the schema the FieldPath is written in terms of, defaults to "v1".'),
    fieldPath: text('Path of the field to select in the specified API version.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const ResourceFieldSelector = object(
  'ResourceFieldSelector',
  'Container resources (cpu, memory) and their output format.',
  ['resource'],
  {
    containerName: text('Container name: required for volumes, optional for env vars.'),
    divisor: quantity('Specifies the output format of the exposed resources, defaults to "1".'),
    resource: text('Resource to select.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const ConfigMapKeySelector = object(
  'ConfigMapKeySelector',
  'Selects a key from a ConfigMap.',
  ['key'],
  {
    key: text('The key to select.'),
    name: text('Name of the referent.'),
    optional: flag('Specify whether the ConfigMap or its key must be defined.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const SecretKeySelector = object(
  'SecretKeySelector',
  'SecretKeySelector selects a key of a Secret.',
  ['key'],
  {
    key: text('The key of the secret to select from.'),
    name: text('Name of the referent.'),
    optional: flag('Specify whether the Secret or its key must be defined.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const KeyToPath = object('KeyToPath', 'Maps a string key to a path within a volume.', ['key', 'path'], {
  key: text('The key to project.'),
  mode: integer('Optional: mode bits used to set permissions on this file.'),
  path: text('The relative path of the file to map the key to.'),
});

export const TypedLocalObjectReference = object(
  'TypedLocalObjectReference',
  'Enough information to let you locate the typed referenced object inside the same namespace.',
  ['kind', 'name'],
  {
    apiGroup: text('The group for the resource being referenced.'),
    kind: text('The type of resource being referenced.'),
    name: text('The name of resource being referenced.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);
