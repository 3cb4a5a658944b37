import { OPPORTUNISTIC_ANNOTATION, parseAmount, reasonOf } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { CPU, MEMORY } from '../snapshot/resource-space.ts';
import type { Usage } from './usage-window.ts';

/** What an opportunistic pod wants, or why its annotation cannot be honoured. */
export type Opportunism = Usage | { readonly invalid: string };

const read = new WeakMap<PodInfo, Opportunism>();

/**
 * The room an opportunistic pod wants; undefined: an ordinary pod. It is asked for beside the requests, not by them: the pod
 * is of the class BestEffort, so that no kubelet counts it against what others were promised, and the kernel gives way to
 * them at its cost.
 */
export function opportunismOf(pod: PodInfo): Opportunism | undefined {
  const text = pod.pod.metadata.annotations?.[OPPORTUNISTIC_ANNOTATION];
  if (text === undefined) return undefined;
  let known = read.get(pod);
  if (known === undefined) {
    known = parsed(pod, text);
    read.set(pod, known);
  }
  return known;
}

/** The room it wants, where the annotation is valid. */
export function wantsOf(pod: PodInfo): Usage | undefined {
  const opportunism = opportunismOf(pod);
  return opportunism === undefined || 'invalid' in opportunism ? undefined : opportunism;
}

function parsed(pod: PodInfo, text: string): Opportunism {
  if ((pod.requests[CPU] ?? 0) > 0 || (pod.requests[MEMORY] ?? 0) > 0) {
    return { invalid: `${OPPORTUNISTIC_ANNOTATION} is for pods without requests for cpu and memory` };
  }
  const wants = { cpu: 0, memory: 0 };
  for (const part of text.split(',')) {
    const [name = '', amount = ''] = part.split('=').map((side) => side.trim());
    if (name !== 'cpu' && name !== 'memory') {
      return { invalid: `${OPPORTUNISTIC_ANNOTATION} "${text}" is not like cpu=2,memory=4Gi` };
    }
    try {
      wants[name] = parseAmount(name, amount);
    } catch (error) {
      return { invalid: `${OPPORTUNISTIC_ANNOTATION} "${text}" is not like cpu=2,memory=4Gi: ${reasonOf(error)}` };
    }
  }
  return wants;
}
