import { Type } from 'typebox';
import { atomic, flag, integer, list, mergedBy, mergedSet, object, text, textMap, time } from './fields.ts';

export const OwnerReference = object(
  'OwnerReference',
  'Enough information to let you identify an owning object.',
  ['apiVersion', 'kind', 'name', 'uid'],
  {
    apiVersion: text('API version of the referent.'),
    blockOwnerDeletion: flag('Whether a foreground deletion of the owner waits for this object.'),
    controller: flag('If true, this reference points to the managing controller.'),
    kind: text('Kind of the referent.'),
    name: text('Name of the referent.'),
    uid: text('UID of the referent.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

export const ObjectMeta = object('ObjectMeta', 'What every object carries: its name, its labels, its versions.', [], {
  annotations: textMap('Text by key for tools; cannot be selected by.'),
  creationTimestamp: time('When the server created the object.'),
  deletionGracePeriodSeconds: integer('Seconds the object has to end gracefully.'),
  deletionTimestamp: time('When a graceful deletion ends; set by the server.'),
  finalizers: list(Type.String(), 'Names that must all be removed before the object can go.', mergedSet),
  generateName: text('Prefix of the name the server makes when none is given.'),
  generation: integer('Counts the changes of the desired state.'),
  labels: textMap('Text by key to select objects by.'),
  managedFields: list(Type.Unknown(), 'Which manager set which fields.', atomic),
  name: text('Name, unique in its namespace.'),
  namespace: text('Namespace the object lives in.'),
  ownerReferences: list(
    OwnerReference,
    'Objects this one depends on; it goes when all of them are gone.',
    mergedBy('uid'),
  ),
  resourceVersion: text('Version of the object; changes with every write.'),
  selfLink: text('Deprecated; no longer set.'),
  uid: text('Identity of the object in time and space; set by the server.'),
});
