import type { ObjectStore } from '../kubernetes/index.ts';
import { INTERRUPTION_POLICIES, type InterruptionPolicy, matchesLabelSelector, type Pod } from '../model/index.ts';
import type { Archive } from './archive.ts';

/** Holds where no policy of a pod's namespace does. */
const DEFAULT_NAMESPACE = 'fermata-system';
const DEFAULT_POLICY = 'default';

/** What owners demand of where checkpoints of their pods are stored (`spec.encryption` of an InterruptionPolicy). */
export class EncryptionDemand {
  readonly #store: ObjectStore;
  readonly #archive: Pick<Archive, 'url' | 'encrypts'> | undefined;

  constructor(store: ObjectStore, archive: Pick<Archive, 'url' | 'encrypts'> | undefined) {
    this.#store = store;
    this.#archive = archive;
  }

  /** Why the pod may not be checkpointed on this node; undefined: it may. */
  async refusal(pod: Pod, signal: AbortSignal): Promise<string | undefined> {
    if (this.#archive?.encrypts === true) return undefined;
    const { namespace = '' } = pod.metadata;
    const own = await this.#store.list(INTERRUPTION_POLICIES, { namespace, signal });
    const policy =
      policyFor(pod, own.items) ??
      (await this.#store.list(INTERRUPTION_POLICIES, { namespace: DEFAULT_NAMESPACE, signal })).items.find(
        ({ metadata }) => metadata.name === DEFAULT_POLICY,
      );
    if (policy?.spec.encryption?.required !== true) return undefined;
    const here =
      this.#archive === undefined ? 'has no store' : `does not encrypt what it stores in ${this.#archive.url}`;
    return `policy ${policy.metadata.name} demands encrypted checkpoints, and this node ${here}: start its agent with --store and --encrypt-to`;
  }
}

/** The policy whose selector matches and whose name sorts first. */
function policyFor(pod: Pod, policies: readonly InterruptionPolicy[]): InterruptionPolicy | undefined {
  const matching = policies.filter(({ spec }) => matchesLabelSelector(spec.selector, pod.metadata.labels));
  return matching.sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))[0];
}
