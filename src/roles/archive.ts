import { type Archive, type Archives, storeNotAllowed } from '../agent/index.ts';
import {
  type ArchiveKeys,
  type BlobStore,
  CheckpointArchive,
  openStore,
  parseRecipients,
  readKeyFolder,
  withRecipients,
} from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';

/** Where an agent keeps copies of its checkpoints off the node. */
export interface ArchiveOptions {
  /** Folder, `file:///…`, `s3://…`, `oci://…`: where they go of which no policy says anything else. Default: they stay on the node. */
  store?: string | undefined;
  /** Further stores that policies may name. */
  allowStores?: readonly string[] | undefined;
  /** Folder made by `fermata keys create`, the same on all nodes. */
  keys: string;
  /** Files that name recipients; none: archives are encrypted only where a policy names some. */
  encryptTo?: readonly string[] | undefined;
}

/** The stores that the operator of a node lets it use, with the keys of its folder. */
export class NodeArchives implements Archives {
  readonly defaultUrl: string | undefined;
  readonly #parts: { clock: Clock; keys: ArchiveKeys };
  /** By what they call themselves, and by what they were called. */
  readonly #stores: ReadonlyMap<string, BlobStore>;

  private constructor(
    parts: { clock: Clock; keys: ArchiveKeys },
    stores: ReadonlyMap<string, BlobStore>,
    defaultUrl: string | undefined,
  ) {
    this.#parts = parts;
    this.#stores = stores;
    this.defaultUrl = defaultUrl;
  }

  /** Throws what is wrong with the keys (`KeysUnreadable`, `RecipientInvalid`) or a URL (`StoreUrlInvalid`). Asks no store yet. */
  static async from({ clock }: { clock: Clock }, options: ArchiveOptions): Promise<NodeArchives> {
    const keys = await readKeyFolder(options.keys, options.encryptTo ?? []);
    const stores = new Map<string, BlobStore>();
    for (const url of [options.store ?? [], options.allowStores ?? []].flat()) {
      const store = stores.get(url) ?? (await openStore({ clock }, url));
      stores.set(url, store).set(store.url, store);
    }
    const first = options.store === undefined ? undefined : stores.get(options.store);
    return new NodeArchives({ clock, keys }, stores, first?.url);
  }

  async open(url: string, recipients: readonly string[]): Promise<Archive> {
    const store = this.#stores.get(url);
    if (store === undefined) throw storeNotAllowed(url, [...new Set(this.#all().map((each) => each.url))]);
    const further = recipients.flatMap((text) => parseRecipients(text, 'spec.encryption.recipients'));
    const { clock, keys } = this.#parts;
    return new CheckpointArchive({ store, clock, keys: withRecipients(keys, further) });
  }

  async close(): Promise<void> {
    for (const store of new Set(this.#all())) await store.close();
  }

  #all(): BlobStore[] {
    return [...this.#stores.values()];
  }
}
