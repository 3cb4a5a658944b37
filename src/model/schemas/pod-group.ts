import { Type } from 'typebox';
import { open } from './fields.ts';
import { wholeObject } from './whole-object.ts';

/** As in kubernetes-sigs/scheduler-plugins (`scheduling.x-k8s.io/v1alpha1`), as far as this scheduler goes by it. */
export const PodGroupSpecSchema = Type.Object(
  {
    minMember: Type.Optional(
      Type.Integer({
        minimum: 1,
        default: 1,
        description: 'Pods that must run at once: fewer are not started at all.',
      }),
    ),
    scheduleTimeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Seconds that room may be kept for the group while the rest of it is being made free.',
      }),
    ),
    minResources: Type.Optional(
      open('What the group needs as a whole. Kept for other schedulers: here the requests of its pods are counted.'),
    ),
  },
  { additionalProperties: false, title: 'PodGroupSpec', description: 'How many of the pods must run at once.' },
);

export const PodGroupSchema = wholeObject(
  'PodGroup',
  'Pods that are started together or not at all: those with its name in the label scheduling.x-k8s.io/pod-group.',
  ['spec'],
  { spec: PodGroupSpecSchema, status: open('Written by controllers of others; this scheduler does not go by it.') },
);
