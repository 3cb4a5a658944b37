import { Type } from 'typebox';
import { SPEC_IMMUTABLE } from '../marks.ts';
import { ConditionSchema } from './condition.ts';
import { byType, keyedBy } from './fields.ts';
import { LabelSelectorSchema } from './label-selector.ts';
import { PodCheckpointSpecSchema } from './pod-checkpoint.ts';
import { wholeObject } from './whole-object.ts';

const { timeoutSeconds, postCheckpointState, reason, preemptor, restore } = PodCheckpointSpecSchema.properties;

/** A coordinated checkpoint of the pods of a selector: all are checkpointed, or all run on. */
export const PodGroupCheckpointSpecSchema = Type.Object(
  {
    selector: {
      ...LabelSelectorSchema,
      description: 'Which pods of the namespace belong to the group; it is resolved once.',
    },
    timeoutSeconds,
    postCheckpointState,
    reason,
    preemptor,
    restore,
  },
  {
    additionalProperties: false,
    title: 'PodGroupCheckpointSpec',
    description: 'What is asked for; immutable.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: SPEC_IMMUTABLE }],
  },
);

export const GroupMemberSchema = Type.Object(
  {
    name: Type.String({ description: 'Name of the pod.' }),
    uid: Type.String({ description: 'UID of the pod.' }),
    podCheckpointName: Type.String({ description: 'Its PodCheckpoint.' }),
    nodeName: Type.Optional(Type.String({ description: 'Node the pod ran on.' })),
    podIPs: Type.Optional(
      Type.Array(Type.String(), { description: 'Addresses of the pod: connections of the others to these are kept.' }),
    ),
  },
  { additionalProperties: false, title: 'PodGroupMember', description: 'One pod of the group.' },
);

export const GroupDecisionSchema = Type.Object(
  {
    verdict: Type.Union([Type.Literal('Committed'), Type.Literal('Aborted')], {
      description: 'Committed: every member is checkpointed. Aborted: every member runs on.',
    }),
    message: Type.Optional(Type.String({ description: 'Why it was decided so.' })),
    time: Type.String({ format: 'date-time', description: 'When it was decided.' }),
  },
  {
    additionalProperties: false,
    title: 'PodGroupDecision',
    description: 'What became of the group; written once, before any member acts on it.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a decision is taken once' }],
  },
);

export const GroupRestorationSchema = Type.Object(
  {
    round: Type.Integer({
      minimum: 1,
      description: 'Which try it is; it grows with each that was given up. Members are prepared for one round.',
    }),
    verdict: Type.Optional(
      Type.Literal('Committed', { description: 'Every member was back, standing still, and goes on; final.' }),
    ),
    message: Type.Optional(Type.String({ description: 'Why it was decided so, or why the last round was given up.' })),
    time: Type.String({ format: 'date-time', description: 'When that was.' }),
  },
  {
    additionalProperties: false,
    title: 'PodGroupRestoration',
    description:
      'How the group comes back: members stand still until all are back; written by the controller and agents.',
    'x-kubernetes-validations': [
      { rule: '!has(oldSelf.verdict) || self == oldSelf', message: 'a decision is taken once' },
      { rule: 'self.round >= oldSelf.round', message: 'a round that was given up is over' },
    ],
  },
);

export const PodGroupCheckpointStatusSchema = Type.Object(
  {
    members: Type.Optional(
      Type.Array(GroupMemberSchema, { description: 'The pods the selector was resolved to.', ...keyedBy('name') }),
    ),
    decision: Type.Optional(GroupDecisionSchema),
    restoration: Type.Optional(GroupRestorationSchema),
    conditions: Type.Optional(
      Type.Array(ConditionSchema, {
        description: 'Ready (as of a PodCheckpoint), Released, Restored: true when they are of every member.',
        ...byType,
      }),
    ),
  },
  {
    additionalProperties: false,
    title: 'PodGroupCheckpointStatus',
    description:
      'How far the group has come; written by the group controller, decision and restoration also by agents.',
  },
);

export const PodGroupCheckpointSchema = wholeObject(
  'PodGroupCheckpoint',
  'One coordinated checkpoint of several pods, all or none.',
  ['spec'],
  { spec: PodGroupCheckpointSpecSchema, status: PodGroupCheckpointStatusSchema },
);
