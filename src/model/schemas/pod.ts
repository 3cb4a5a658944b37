import { described } from './fields.ts';
import { PodSpec } from './pod-spec.ts';
import { PodStatus } from './pod-status.ts';
import { wholeObject } from './whole-object.ts';

export const PodSchema = wholeObject('Pod', 'Containers that run together on one node.', ['spec'], {
  spec: described(PodSpec, 'How the pod shall run.'),
  status: described(PodStatus, 'How the pod was seen last; may lag behind.'),
});
