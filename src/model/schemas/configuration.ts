import { atomic, flag, integer, list, mergedBy, microTime, object, text, textMap } from './fields.ts';
import { LocalObjectReference, ObjectReference } from './reference.ts';
import { wholeObject } from './whole-object.ts';

export const ConfigMapSchema = wholeObject('ConfigMap', 'Configuration for pods to consume.', [], {
  data: textMap('Text by key.'),
  binaryData: textMap('Bytes by key, in base64.'),
  immutable: flag('Whether the data can no longer be changed.'),
});

export const SecretSchema = wholeObject('Secret', 'Confidential data for pods to consume.', [], {
  data: textMap('Bytes by key, in base64.'),
  stringData: textMap('Text by key; written into data, never read back.'),
  type: text('What the data is for; Opaque by default.'),
  immutable: flag('Whether the data can no longer be changed.'),
});

export const ServiceAccountSchema = wholeObject('ServiceAccount', 'An identity for pods.', [], {
  secrets: list(ObjectReference, 'Secrets its pods may use.', mergedBy('name')),
  imagePullSecrets: list(LocalObjectReference, 'Secrets to pull images with.', atomic),
  automountServiceAccountToken: flag('Whether its pods get a token mounted.'),
});

const LeaseSpec = object('LeaseSpec', 'Who holds the lease, since when and for how long.', [], {
  holderIdentity: text('Who holds the lease.'),
  leaseDurationSeconds: integer('Seconds after renewTime after which others may take it.'),
  acquireTime: microTime('When the holder took it.'),
  renewTime: microTime('When the holder renewed it last.'),
  leaseTransitions: integer('How often the holder changed.'),
  strategy: text('How a coordinated leader election picks the holder.'),
  preferredHolder: text('Who should get the lease next.'),
});

export const LeaseSchema = wholeObject('Lease', 'A claim that must be renewed to last.', [], { spec: LeaseSpec });
