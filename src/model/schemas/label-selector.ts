import { Type } from 'typebox';
import { atomic } from './fields.ts';

const Requirement = Type.Object(
  {
    key: Type.String({ description: 'Label key the requirement is about.' }),
    operator: Type.Union(
      [Type.Literal('In'), Type.Literal('NotIn'), Type.Literal('Exists'), Type.Literal('DoesNotExist')],
      { description: 'How the label relates to the values.' },
    ),
    values: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Values for In and NotIn; empty for Exists and DoesNotExist.',
        ...atomic,
      }),
    ),
  },
  { additionalProperties: false, title: 'LabelSelectorRequirement', description: 'One requirement on a label.' },
);

/** `metav1.LabelSelector`. */
export const LabelSelectorSchema = Type.Object(
  {
    matchLabels: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Labels that must have exactly these values.' }),
    ),
    matchExpressions: Type.Optional(
      Type.Array(Requirement, { description: 'Requirements that must all hold besides matchLabels.', ...atomic }),
    ),
  },
  {
    additionalProperties: false,
    title: 'LabelSelector',
    'x-kubernetes-map-type': 'atomic',
    description: 'Labels the pods must have; empty or absent: every pod of the namespace.',
  },
);
