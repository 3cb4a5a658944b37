import { blobStoreCompliance } from './compliance/blob-store-compliance.ts';
import { MemoryStore } from './memory-store.ts';

blobStoreCompliance('memory', async () => ({ store: new MemoryStore(), close: async () => undefined }));
