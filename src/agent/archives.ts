import type { CheckpointArchive } from '../checkpoint/index.ts';
import { FermataError, type PodCheckpoint } from '../model/index.ts';

/** What an agent needs of a store of archives. */
export type Archive = Pick<CheckpointArchive, 'url' | 'encrypts' | 'upload' | 'download' | 'holds' | 'remove'>;

/** The stores that a node may use, with its keys. */
export interface Archives {
  /** Where checkpoints go of which no policy says anything else; undefined: they stay on their node. */
  readonly defaultUrl: string | undefined;
  /**
   * The archives of that store. What is written is encrypted for these recipients (`age1…`, PEM) besides those of the node. Throws
   * FermataError `StoreNotAllowed`, `StoreUrlInvalid`, `RecipientInvalid`.
   */
  open(url: string, recipients: readonly string[]): Promise<Archive>;
}

/** One store, and whatever recipients it has. */
export function onlyArchive(archive: Archive): Archives {
  return {
    defaultUrl: archive.url,
    open: async (url) => {
      if (url !== archive.url) throw storeNotAllowed(url, [archive.url]);
      return archive;
    },
  };
}

/** `url` may come from an object that others write: an agent is root on its node, and has the credentials of its operator. */
export function storeNotAllowed(url: string, allowed: readonly string[]): FermataError {
  const those = allowed.length === 0 ? 'none' : allowed.join(', ');
  return new FermataError('StoreNotAllowed', `${url} is no store that this node may use (${those})`, {
    nextStep: 'Start its agent with --allow-store and this URL, or name another store in the policy.',
  });
}

/** The archive of a checkpoint: tenants are namespaces, and no two checkpoints ever have the same UID. An imported one has another name. */
export function archiveOf({ metadata, status }: PodCheckpoint): { tenant: string; archive: string } {
  const archive = status?.checkpointLocation?.store?.archive ?? metadata.uid;
  return { tenant: metadata.namespace ?? '', archive };
}
