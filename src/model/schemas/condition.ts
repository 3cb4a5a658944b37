import { Type } from 'typebox';

/** `metav1.Condition`, with the fields Pod and Node conditions leave out made optional. */
export const ConditionSchema = Type.Object(
  {
    type: Type.String({ description: 'What the condition is about.' }),
    status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')]),
    reason: Type.Optional(Type.String({ description: 'One CamelCase word.' })),
    message: Type.Optional(Type.String({ description: 'For people.' })),
    lastTransitionTime: Type.Optional(Type.String({ format: 'date-time' })),
    observedGeneration: Type.Optional(Type.Integer()),
  },
  { additionalProperties: false },
);
