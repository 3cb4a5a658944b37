import type { Cycle } from '../framework/cycle.ts';
import type { PreFilterPlugin, Rejection } from '../framework/phases.ts';

/**
 * Pods with resource claims (`spec.resourceClaims`, dynamic resource allocation) are refused: nobody here allocates devices,
 * and a pod bound without its allocation would never start.
 */
export class DynamicResources implements PreFilterPlugin {
  readonly name = 'DynamicResources';

  preFilter({ pod }: Cycle): Rejection | 'skip' {
    const { resourceClaims = [] } = pod.pod.spec as { resourceClaims?: readonly { name: string }[] };
    if (resourceClaims.length === 0) return 'skip';
    const names = resourceClaims.map(({ name }) => name).join(', ');
    const reason = `resource claims (${names}) are not supported by this scheduler: leave pods with spec.resourceClaims to kube-scheduler`;
    return { plugin: this.name, reasons: [reason], resolvable: false };
  }
}
