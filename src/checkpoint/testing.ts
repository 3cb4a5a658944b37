export {
  blobStoreCompliance,
  collect,
  pattern,
  type StoreUnderTest,
} from './stores/compliance/blob-store-compliance.ts';
