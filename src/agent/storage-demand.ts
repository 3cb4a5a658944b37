import type { ObjectStore } from '../kubernetes/index.ts';
import {
  adviceOf,
  DEFAULT_POLICY_NAMESPACE,
  FermataError,
  INTERRUPTION_POLICIES,
  type InterruptionPolicy,
  mostSpecificFirst,
  type Pod,
  type PodCheckpoint,
  policyThatHolds,
} from '../model/index.ts';
import type { Archive, Archives } from './archives.ts';

type Labelled = { metadata: { namespace?: string | undefined; labels?: Record<string, string> | undefined } };

/** What owners demand of where checkpoints of their pods are stored (`spec.store`, `spec.encryption` of an InterruptionPolicy). */
export class StorageDemand {
  readonly #store: ObjectStore;
  readonly #archives: Archives | undefined;

  /** `archives`: what this node may use; undefined: nothing, and checkpoints stay here. */
  constructor(store: ObjectStore, archives: Archives | undefined) {
    this.#store = store;
    this.#archives = archives;
  }

  /** Why the pod may not be checkpointed on this node; undefined: it may. */
  async refusal(pod: Pod, signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.#archiveFor(pod, signal);
      return undefined;
    } catch (error) {
      if (error instanceof FermataError && error.code === 'StorageDemandUnmet') return adviceOf(error);
      throw error;
    }
  }

  /**
   * Where a checkpoint is to be stored, as its owner has it now; undefined: nowhere. Throws FermataError `StorageDemandUnmet` when this
   * node cannot do what is demanded.
   */
  archiveFor({ metadata, status }: PodCheckpoint, signal: AbortSignal): Promise<Archive | undefined> {
    const template = status?.checkpointedPodTemplate?.metadata as Labelled['metadata'] | undefined;
    const { namespace } = metadata;
    return this.#archiveFor({ metadata: { namespace, labels: template?.labels } }, signal);
  }

  async #archiveFor(pod: Labelled, signal: AbortSignal): Promise<Archive | undefined> {
    const policy = await this.policyOf(pod, signal);
    const { store, encryption } = policy?.spec ?? {};
    const recipients = encryption?.recipients ?? [];
    const isEncrypted = encryption?.required === true || recipients.length > 0;
    const unmet = (
      what: string,
      nextStep = 'Start its agent with --store, --keys and --encrypt-to.',
      cause?: unknown,
    ) => new FermataError('StorageDemandUnmet', `policy ${policy?.metadata.name} demands ${what}`, { nextStep, cause });
    const encrypted = 'encrypted checkpoints, and this node';
    const url = store?.url ?? this.#archives?.defaultUrl;
    if (this.#archives === undefined || url === undefined) {
      if (store !== undefined) throw unmet(`that checkpoints go to ${store.url}, and this node has no store`);
      if (isEncrypted) throw unmet(`${encrypted} has no store`);
      return undefined;
    }
    let archive: Archive;
    try {
      archive = await this.#archives.open(url, recipients);
    } catch (error) {
      if (!(error instanceof FermataError)) throw error;
      throw unmet(`what this node does not do: ${error.message}`, error.nextStep, error);
    }
    if (isEncrypted && !archive.encrypts) throw unmet(`${encrypted} does not encrypt what it stores in ${url}`);
    return archive;
  }

  /** The policy that holds for the pod. */
  async policyOf({ metadata }: Labelled, signal: AbortSignal): Promise<InterruptionPolicy | undefined> {
    const { namespace = '', labels } = metadata;
    const of = async (namespace: string) =>
      (await this.#store.list(INTERRUPTION_POLICIES, { namespace, signal })).items;
    const own = (await of(namespace)).toSorted(mostSpecificFirst);
    return policyThatHolds(own, [], labels) ?? policyThatHolds([], await of(DEFAULT_POLICY_NAMESPACE), labels);
  }
}
