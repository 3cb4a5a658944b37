import { Type } from 'typebox';
import { atomic, choice, described, flag, integer, keyedBy, list, object, open, text, time } from './fields.ts';
import { wholeObject } from './whole-object.ts';

export const CustomResourceColumnDefinition = object(
  'CustomResourceColumnDefinition',
  'A column for server side printing.',
  ['jsonPath', 'name', 'type'],
  {
    description: text('A human readable description of this column.'),
    format: text('OpenAPI format; name marks the column that names the object.'),
    jsonPath: text('JSON path that yields the value of the column.'),
    name: text('A human readable name for the column.'),
    priority: integer('0: always shown; greater: only in wide views.'),
    type: text('An OpenAPI type definition for this column.'),
  },
);

export const CustomResourceSubresourceScale = object(
  'CustomResourceSubresourceScale',
  'How to serve the scale subresource for CustomResources.',
  ['specReplicasPath', 'statusReplicasPath'],
  {
    labelSelectorPath: text('The JSON path inside of a custom resource that corresponds to Scale `status.selector`.'),
    specReplicasPath: text('The JSON path inside of a custom resource that corresponds to Scale `spec.replicas`.'),
    statusReplicasPath: text('The JSON path inside of a custom resource that corresponds to Scale `status.replicas`.'),
  },
);

export const CustomResourceSubresources = object(
  'CustomResourceSubresources',
  'The status and scale subresources for CustomResources.',
  [],
  {
    scale: described(
      CustomResourceSubresourceScale,
      'The custom resource should serve a `/scale` subresource that returns an `autoscaling/v1` Scale object.',
    ),
    status: open('The custom resource should serve a `/status` subresource.'),
  },
);

export const CustomResourceValidation = object('CustomResourceValidation', 'How objects are validated.', [], {
  openAPIV3Schema: open('The OpenAPI v3 schema to use for validation and pruning.'),
});

export const SelectableField = object(
  'SelectableField',
  'The JSON path of a field that may be used with field selectors.',
  ['jsonPath'],
  {
    jsonPath: text(
      'A simple JSON path which is evaluated against each custom resource to produce a field selector value.',
    ),
  },
);

export const CustomResourceDefinitionVersion = object(
  'CustomResourceDefinitionVersion',
  'One version of the custom resource.',
  ['name', 'served', 'storage'],
  {
    additionalPrinterColumns: list(
      CustomResourceColumnDefinition,
      'Additional columns returned in Table output.',
      atomic,
    ),
    deprecated: flag('This version of the custom resource API is deprecated.'),
    deprecationWarning: text('Warning for users of a deprecated version.'),
    name: text('Name of the version, e.g. v1 or v2beta1.'),
    schema: described(
      CustomResourceValidation,
      'The schema used for validation, pruning, and defaulting of this version of the custom resource.',
    ),
    selectableFields: list(SelectableField, 'Paths to fields that may be used as field selectors.', atomic),
    served: flag('A flag enabling/disabling this version from being served via REST APIs.'),
    storage: flag('This version should be used when persisting custom resources to storage.'),
    subresources: described(
      CustomResourceSubresources,
      'Subresources specify what subresources this version of the defined custom resource have.',
    ),
  },
);

export const CustomResourceDefinitionNames = object(
  'CustomResourceDefinitionNames',
  'The names to serve this CustomResourceDefinition.',
  ['kind', 'plural'],
  {
    categories: list(
      Type.String(),
      "A list of grouped resources this custom resource belongs to (e.g. 'all').",
      atomic,
    ),
    kind: text('The serialized kind of the resource.'),
    listKind: text('The serialized kind of the list for this resource.'),
    plural: text('The plural name of the resource to serve.'),
    shortNames: list(Type.String(), 'Short names, as `kubectl get <shortname>` takes them.', atomic),
    singular: text('The singular name of the resource.'),
  },
);

export const CustomResourceConversion = object(
  'CustomResourceConversion',
  'How to convert different versions of a CR.',
  ['strategy'],
  {
    strategy: choice('How custom resources are converted between versions.', ['None', 'Webhook']),
    webhook: open('How to call the conversion webhook.'),
  },
);

export const CustomResourceDefinitionSpec = object(
  'CustomResourceDefinitionSpec',
  'What the custom resource is called and how it is served.',
  ['group', 'names', 'scope', 'versions'],
  {
    conversion: described(CustomResourceConversion, 'Conversion settings for the CRD.'),
    group: text('The API group of the defined custom resource.'),
    names: described(
      CustomResourceDefinitionNames,
      'Names specify the resource and kind names for the custom resource.',
    ),
    preserveUnknownFields: flag('Whether unknown fields are kept; false in v1.'),
    scope: choice('Whether the defined custom resource is cluster- or namespace-scoped.', ['Cluster', 'Namespaced']),
    versions: list(
      CustomResourceDefinitionVersion,
      'The list of all API versions of the defined custom resource.',
      atomic,
    ),
  },
);

export const CustomResourceDefinitionCondition = object(
  'CustomResourceDefinitionCondition',
  'Condition of the CustomResourceDefinition.',
  ['type', 'status'],
  {
    lastTransitionTime: time('LastTransitionTime last time the condition transitioned from one status to another.'),
    message: text('A human-readable message indicating details about last transition.'),
    reason: text("A unique, one-word, CamelCase reason for the condition's last transition."),
    status: text('The status of the condition.'),
    type: text('The type of the condition.'),
    observedGeneration: integer('Generation the condition is about.'),
  },
);

export const CustomResourceDefinitionStatus = object(
  'CustomResourceDefinitionStatus',
  'The state of the CustomResourceDefinition.',
  [],
  {
    acceptedNames: described(
      CustomResourceDefinitionNames,
      'The names that are actually being used to serve discovery.',
    ),
    conditions: list(
      CustomResourceDefinitionCondition,
      'Conditions indicate state for particular aspects of a CustomResourceDefinition.',
      keyedBy('type'),
    ),
    storedVersions: list(
      Type.String(),
      'StoredVersions lists all versions of CustomResources that were ever persisted.',
      atomic,
    ),
    observedGeneration: integer('Generation the status is about.'),
  },
);

export const CustomResourceDefinitionSchema = wholeObject(
  'CustomResourceDefinition',
  'A kind of objects that the server shall serve.',
  ['spec'],
  {
    spec: described(CustomResourceDefinitionSpec, 'What the custom resource is called and how it is served.'),
    status: described(CustomResourceDefinitionStatus, 'Whether it is served.'),
  },
);
