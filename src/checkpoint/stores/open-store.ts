import type { Clock } from '../../clock/index.ts';
import type { BlobStore } from './blob-store.ts';
import { DirectoryStore } from './directory-store.ts';
import { parseStoreUrl } from './store-url.ts';

/**
 * Opens the store a URL names (see {@link parseStoreUrl}), with the credentials this process finds where the programs of each
 * kind of store look for them. Nothing is asked of it yet. Throws FermataError `StoreUrlInvalid`.
 */
export async function openStore(dependencies: { clock: Clock }, url: string): Promise<BlobStore> {
  const found = parseStoreUrl(url);
  switch (found.kind) {
    case 'directory':
      return new DirectoryStore(dependencies, found.path);
    case 's3': {
      const { S3Store } = await import('./s3-store.ts');
      return S3Store.open(dependencies, found.url, found.location);
    }
    case 'oci': {
      const { OciStore } = await import('./oci/oci-store.ts');
      return new OciStore(dependencies, found.location);
    }
  }
}
