import { Type } from 'typebox';

/** `metav1.Condition`, with the fields Pod and Node conditions leave out made optional. */
export const ConditionSchema = Type.Object(
  {
    type: Type.String({ description: 'What the condition is about.' }),
    status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')], {
      description: 'Whether it holds: True, False or Unknown.',
    }),
    reason: Type.Optional(Type.String({ description: 'One CamelCase word: why.' })),
    message: Type.Optional(Type.String({ description: 'For people: why.' })),
    lastTransitionTime: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the status changed last.' }),
    ),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'Generation of the object the condition is about.' }),
    ),
  },
  { additionalProperties: false, title: 'Condition', description: 'One condition of an object.' },
);
