import type { Pod } from '../../model/index.ts';
import type { ApiEntry } from '../history.ts';
import type { Rule } from './rule.ts';

/** Replicas of a component are called `<component>/<replica>#<life>`. */
const REPLICA = /^scheduler\//;

/**
 * Of several schedulers one leads: once one that leads has bound a pod, none that led before binds or deletes any more, unless
 * it leads again (1, 6: it would do so by a state of the cluster that is none).
 */
export function successionRule(): Rule {
  /** Those that have led, in the order of the first bind of their last term. */
  const terms = new Set<string>();
  let latest = '';
  return (entry, _facts, report) => {
    if (entry.kind === 'component' && entry.what === 'leads') {
      const name = `${entry.component}#${entry.incarnation}`;
      terms.delete(name);
      if (latest === name) latest = '';
    }
    if (entry.kind !== 'api' || entry.collection !== '/pods' || !REPLICA.test(entry.by)) return;
    const act = actOf(entry);
    const { by, key } = entry;
    if (act === undefined || latest === by) return;
    if (terms.has(by)) report(1, key, `${by} ${act} pod ${key} although ${latest} leads since`);
    else if (act === 'bound') {
      terms.add(by);
      latest = by;
    }
  };
}

function actOf({ type, object, previous }: ApiEntry): 'bound' | 'deleted' | undefined {
  const [before, after] = [previous as Pod | undefined, object as Pod];
  const isDeleted = (pod: Pod | undefined): boolean => pod?.metadata.deletionTimestamp !== undefined;
  if (type === 'DELETED' ? !isDeleted(before) : isDeleted(after) && !isDeleted(before)) return 'deleted';
  return after.spec.nodeName !== undefined && before !== undefined && before.spec.nodeName === undefined
    ? 'bound'
    : undefined;
}
