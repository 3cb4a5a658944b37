import { createHash } from 'node:crypto';

/** Repositories of checkpoints: `fermata/<uid of the PodCheckpoint>/<container>`. */
const REPOSITORY = 'fermata';
const TAG = 'checkpoint';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** Go's names, as images carry them. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  s390x: 's390x',
  ppc64: 'ppc64le',
};

export interface Blob {
  /** `sha256:<hex>` */
  digest: string;
  bytes: Uint8Array;
}

export interface CheckpointImage {
  manifest: Blob;
  config: Blob;
  layer: { digest: string; sizeBytes: number };
}

/** The image from which the container of that checkpoint is restored; `registry` is `host:port`. */
export function imageReference(registry: string, checkpointUid: string, container: string): string {
  return `${registry}/${REPOSITORY}/${checkpointUid}/${container}:${TAG}`;
}

/** What a request of the distribution protocol asks for; undefined: nothing that could be a checkpoint. */
export interface ImageRequest {
  checkpointUid: string;
  container: string;
  kind: 'manifests' | 'blobs';
  /** A tag, or a digest. */
  reference: string;
}

export function parseImagePath(path: string): ImageRequest | undefined {
  const match = /^\/v2\/fermata\/([0-9a-f-]{36})\/([a-z0-9][a-z0-9-]{0,62})\/(manifests|blobs)\/([\w.:-]{1,128})$/.exec(
    path,
  );
  const [, checkpointUid, container, kind, reference] = match ?? [];
  if (checkpointUid === undefined || container === undefined || reference === undefined) return undefined;
  return { checkpointUid, container, kind: kind === 'blobs' ? 'blobs' : 'manifests', reference };
}

/**
 * An image of one uncompressed layer, which is what the kubelet's checkpoint archive held, with the annotations by which the
 * container runtimes see that it is a checkpoint: containerd 2.1 (`CRImportCheckpoint`), CRI-O, and CRI-O before 1.30.
 */
export function checkpointImage(
  container: string,
  layer: { digest: string; sizeBytes: number },
  architecture: NodeJS.Architecture = process.arch,
): CheckpointImage {
  const config = blob({
    architecture: ARCHITECTURES[architecture] ?? architecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const manifest = blob({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: config.digest,
      size: config.bytes.length,
    },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: layer.sizeBytes }],
    annotations: {
      'org.criu.checkpoint.container.name': container,
      'io.kubernetes.cri-o.annotations.checkpoint.name': container,
    },
  });
  return { manifest, config, layer };
}

function blob(content: object): Blob {
  const bytes = Buffer.from(JSON.stringify(content));
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}
