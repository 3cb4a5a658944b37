import { described, flag, object, text } from './fields.ts';
import { ConfigMapKeySelector, ObjectFieldSelector, ResourceFieldSelector, SecretKeySelector } from './reference.ts';

export const ConfigMapEnvSource = object(
  'ConfigMapEnvSource',
  'ConfigMapEnvSource selects a ConfigMap to populate the environment variables with.',
  [],
  {
    name: text('Name of the referent.'),
    optional: flag('Specify whether the ConfigMap must be defined.'),
  },
);

export const SecretEnvSource = object(
  'SecretEnvSource',
  'SecretEnvSource selects a Secret to populate the environment variables with.',
  [],
  {
    name: text('Name of the referent.'),
    optional: flag('Specify whether the Secret must be defined.'),
  },
);

export const EnvFromSource = object(
  'EnvFromSource',
  'A ConfigMap or Secret whose entries become environment variables.',
  [],
  {
    configMapRef: described(ConfigMapEnvSource, 'The ConfigMap to select from.'),
    prefix: text('Put before every name.'),
    secretRef: described(SecretEnvSource, 'The Secret to select from.'),
  },
);

export const FileKeySelector = object(
  'FileKeySelector',
  'A key of an environment file in a volume.',
  ['volumeName', 'path', 'key'],
  {
    volumeName: text('Name of the volume that holds the file.'),
    path: text('Path of the file in the volume.'),
    key: text('Key in the file.'),
    optional: flag('Whether the key may be missing.'),
  },
);

export const EnvVarSource = object('EnvVarSource', 'A source for the value of an EnvVar.', [], {
  configMapKeyRef: described(ConfigMapKeySelector, 'Selects a key of a ConfigMap.'),
  fieldRef: described(ObjectFieldSelector, 'A field of the pod, e.g. metadata.name or status.podIP.'),
  resourceFieldRef: described(
    ResourceFieldSelector,
    'A resource of the container, e.g. limits.cpu or requests.memory.',
  ),
  secretKeyRef: described(SecretKeySelector, "Selects a key of a secret in the pod's namespace."),
  fileKeyRef: described(FileKeySelector, 'A key of an environment file in a volume; Kubernetes 1.34 and later.'),
});

export const EnvVar = object('EnvVar', 'An environment variable present in a Container.', ['name'], {
  name: text('Name of the environment variable.'),
  value: text('Value; $(NAME) stands for the value of another variable.'),
  valueFrom: described(EnvVarSource, "Source for the environment variable's value."),
});
