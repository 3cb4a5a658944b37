import { apiVersionOf, EVENTS, type KubeObject } from '../../../model/index.ts';
import type { View } from './served-resource.ts';

const GROUP = 'events.k8s.io';
const VERSION = 'v1';

/** Fields that are called otherwise in `events.k8s.io/v1` than in the core group: [there, in the core group]. */
const RENAMED: readonly [view: string, stored: string][] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

const seen = new WeakMap<KubeObject, KubeObject>();

/**
 * `events.k8s.io/v1` on the events of the core group, as a real API server has it. kubectl reads events from the core
 * group; newer clients (kube-scheduler, controller-runtime) write and read them here.
 */
export const EVENTS_VIEW: View = {
  group: GROUP,
  version: VERSION,
  plural: 'events',
  stored: EVENTS,

  fromStored(object) {
    let view = seen.get(object);
    if (view === undefined) {
      view = renamed(object, `${GROUP}/${VERSION}`, new Map(RENAMED.map(([there, here]) => [here, there])));
      if (Object.isFrozen(object)) seen.set(object, Object.freeze(view));
    }
    return view;
  },

  toStored(object) {
    return renamed(object, apiVersionOf(EVENTS), new Map(RENAMED));
  },

  fieldSelector(selector) {
    return selector
      .split(',')
      .map((term) => {
        const match = RENAMED.find(([there]) => term.startsWith(there) && /^[.=!]/.test(term.slice(there.length)));
        return match === undefined ? term : match[1] + term.slice(match[0].length);
      })
      .join(',');
  },
};

function renamed(object: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject {
  const members = Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value] as const);
  return { ...Object.fromEntries(members), apiVersion, kind: object.kind, metadata: object.metadata };
}
