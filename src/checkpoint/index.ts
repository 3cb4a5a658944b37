export type { ArchiveKeys } from './archive/archive-keys.ts';
export { CheckpointArchive } from './archive/checkpoint-archive.ts';
export { discardUpload, removeArchive } from './archive/discard.ts';
export { type ArchiveProgress, metered, ProgressMeter } from './archive/progress.ts';
export type { StoredArchive } from './archive/upload.ts';
export type { CheckpointEntry, CheckpointFiles } from './checkpoint-files.ts';
export { type DumpOptions, verifyCriuImages, verifyDump } from './criu-images.ts';
export { type AheadOptions, DigestsAhead } from './digests-ahead.ts';
export { diskFiles } from './disk-files.ts';
export {
  type DumpStatistics,
  parseDumpStatistics,
  readDumpStatistics,
  STATISTICS_FILE,
} from './dump-statistics.ts';
export { type CollectOptions, type CollectReport, collectGarbage } from './garbage/collect.ts';
export { inventoryOf, type ListedBlob, readManifestHeader, type TenantInventory } from './garbage/inventory.ts';
export { DEFAULT_GARBAGE_GRACES, type Garbage, type GarbageGraces } from './garbage/mark.ts';
export { type ContainerDifference, diffContainers, type PageDifference } from './inspection/diff-containers.ts';
export { type InspectedContainer, type InspectedProcess, inspectContainer } from './inspection/inspect-container.ts';
export type { Mapping } from './inspection/memory-map.ts';
export type { OpenFile } from './inspection/open-files.ts';
export { decodeDataKey, encodeDataKey } from './keys/data-key-file.ts';
export { ageTexts, type Identity, identityOf, newAgeIdentity, parseIdentities } from './keys/identity.ts';
export { createKeyFolder, readKeyFolder, withRecipients } from './keys/key-folder.ts';
export { parseRecipients, type Recipient } from './keys/recipient.ts';
export { type Rotated, rotateKeys } from './keys/rotate.ts';
export {
  type ImageReference,
  imageAnnotations,
  parseImageReference,
  pullCheckpointImage,
  pushCheckpointImage,
} from './layout/checkpoint-image.ts';
export type { ContainerConfiguration, PodIdentity } from './layout/container-files.ts';
export { type ExportedContainer, exportContainer } from './layout/export-container.ts';
export { type ImportedContainer, importContainer, readPodIdentity } from './layout/import-container.ts';
export { readTar, type TarEntry } from './layout/tar-reader.ts';
export { type TarSource, tarBytes, writeTar } from './layout/tar-writer.ts';
export { type MountedVolume, mountedVolumes, savedVolumes } from './layout/volumes.ts';
export {
  type CopyVerdict,
  checkWaterMarks,
  type Disk,
  diskFull,
  expendableCopies,
  type LocalCopy,
  percent,
  planCopies,
  usedShare,
  type WaterMarks,
  WIPED,
} from './local-copies.ts';
export {
  type CheckpointMetadata,
  type ManifestOptions,
  readManifest,
  type SealOptions,
  sealCheckpoint,
  verifyCheckpoint,
} from './manifest.ts';
export { type ContainerStatistics, MANIFEST_FILE, type Manifest, type ManifestFile } from './manifest-format.ts';
export { MemoryFiles } from './memory-files.ts';
export {
  type ExpendableCheckpoint,
  planRetention,
  type RetainedCheckpoint,
  type RetainedWorkload,
  type RetentionGraces,
  type RetentionPlan,
} from './retention.ts';
export {
  type LimitedCheckpoint,
  type LimitPlan,
  type OverLimit,
  planLimits,
  type RetentionLimits,
  type WorkloadLimits,
} from './retention-limits.ts';
export type { BlobStore, Sweepable } from './stores/blob-store.ts';
export { DirectoryStore } from './stores/directory-store.ts';
export { MemoryStore } from './stores/memory-store.ts';
export { OciStore } from './stores/oci/oci-store.ts';
export { openStore } from './stores/open-store.ts';
export { type S3Location, type S3Options, S3Store } from './stores/s3-store.ts';
export { parseStoreUrl, type StoreLocation } from './stores/store-url.ts';
