import { Type } from 'typebox';
import { ConditionSchema } from './condition.ts';
import { byType, choice, described, flag, integer, list, mergedSet, object, text } from './fields.ts';
import { NodeSpec, NodeStatus } from './node.ts';
import { wholeObject } from './whole-object.ts';

export const NodeSchema = wholeObject('Node', 'A machine that runs pods.', [], {
  spec: described(NodeSpec, 'How the node shall behave.'),
  status: described(NodeStatus, 'How the node was seen last.'),
});

const NamespaceSpec = object('NamespaceSpec', 'How the namespace shall behave.', [], {
  finalizers: list(Type.String(), 'Names that must all be removed before the namespace can go.', mergedSet),
});

const NamespaceStatus = object('NamespaceStatus', 'How the namespace is.', [], {
  phase: choice('Active, or Terminating while its objects are deleted.', ['Active', 'Terminating']),
  conditions: list(ConditionSchema, 'What keeps the namespace from going.', byType),
});

export const NamespaceSchema = wholeObject('Namespace', 'A scope for names.', [], {
  spec: NamespaceSpec,
  status: NamespaceStatus,
});

export const PriorityClassSchema = wholeObject('PriorityClass', 'A priority by name.', ['value'], {
  value: integer('Priority of the pods of this class; the higher, the more important.', { format: 'int32' }),
  globalDefault: flag('Whether pods without a class get this one; at most one class may be it.'),
  description: text('For people: when to use this class.'),
  preemptionPolicy: choice('What its pods may do to lower ones when there is no room.', [
    'PreemptLowerPriority',
    'Never',
    'CheckpointLowerPriority',
  ]),
});
