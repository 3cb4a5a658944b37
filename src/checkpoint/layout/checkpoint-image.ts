import { createHash } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { type ArchiveProgress, metered, ProgressMeter } from '../archive/progress.ts';
import {
  type Descriptor,
  OCI_INDEX,
  OCI_MANIFEST,
  RegistryClient,
  type RegistryLocation,
  type RegistryOptions,
  sha256,
} from '../stores/oci/registry-client.ts';
import type { ContainerConfiguration, PodIdentity } from './container-files.ts';
import type { ExportedContainer } from './export-container.ts';
import { decodeImageManifest, type ImageManifest } from './image-manifest.ts';
import { tarBytes, writeTar } from './tar-writer.ts';

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const CONFIGURATION = 'application/vnd.oci.image.config.v1+json';
/** Only a container's name makes an image a checkpoint for CRI-O and containerd. */
const CONTAINER_NAME = 'org.criu.checkpoint.container.name';

export interface ImageReference extends RegistryLocation {
  tag: string;
}

/** `registry/repository:tag`, the tag `latest` if there is none. Throws FermataError `ImageReferenceInvalid`. */
export function parseImageReference(text: string): ImageReference {
  const match =
    /^(?:(?:docker|oci):\/\/)?([^/@\s]+)\/([a-z0-9][a-z0-9._/-]*?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$/.exec(
      text,
    );
  const [, host, repository, tag = 'latest'] = match ?? [];
  if (host === undefined || repository === undefined || !/[.:]|^localhost$/.test(host)) {
    throw new FermataError('ImageReferenceInvalid', `"${text}" is no image in a registry`, {
      nextStep: 'Write REGISTRY/REPOSITORY:TAG, e.g. registry.example:5000/team/thesis:monday.',
    });
  }
  return { host, repository, tag };
}

/**
 * What CRI-O looks for on the manifest, and containerd ≥ 2.1 on the index (checkpointctl's lib/metadata.go; containerd PR 10365,
 * checkpointctl PR 174).
 */
export function imageAnnotations(
  container: string,
  configuration: ContainerConfiguration,
  pod: PodIdentity | undefined,
): Record<string, string> {
  const image = configuration.rootfsImageRef ?? configuration.rootfsImageID;
  return {
    [CONTAINER_NAME]: container,
    'org.criu.checkpoint.engine.name': 'fermata',
    'org.criu.checkpoint.runtime.name': configuration.runtime,
    'org.criu.checkpoint.rootfsImageName': configuration.rootfsImageName,
    ...(image === undefined ? {} : { 'org.criu.checkpoint.rootfsImageID': image }),
    ...(pod === undefined
      ? {}
      : {
          'org.criu.checkpoint.pod.name': pod.name,
          'org.criu.checkpoint.pod.namespace': pod.namespace,
          'org.criu.checkpoint.pod.uid': pod.uid,
        }),
  };
}

/**
 * Pushes a container's checkpoint as an image with one layer, under an index: a Pod whose container has this image is restored from it.
 * The layer is read twice, once for its digest. Returns the digest of the index.
 */
export async function pushCheckpointImage(
  dependencies: { clock: Clock },
  reference: ImageReference,
  container: string,
  exported: ExportedContainer,
  options: RegistryOptions & {
    pod?: PodIdentity;
    architecture: string;
    signal?: AbortSignal;
    onProgress?: (progress: ArchiveProgress) => void;
  },
): Promise<string> {
  const { signal, architecture } = options;
  const registry = new RegistryClient(dependencies, reference, options);
  try {
    const layer = await layerOf(exported, signal);
    const meter = new ProgressMeter(dependencies.clock, layer.size, options.onProgress);
    await registry.putBlob({ ...layer, open: () => metered(writeTar(exported.entries), meter) }, signal);
    const { createdTime } = exported.configuration;
    const configuration = Buffer.from(
      JSON.stringify({
        ...(createdTime === undefined ? {} : { created: createdTime }),
        architecture,
        os: 'linux',
        config: {},
        rootfs: { type: 'layers', diff_ids: [layer.digest] },
      }),
    );
    const config = { mediaType: CONFIGURATION, digest: sha256(configuration), size: configuration.length };
    await registry.putBlob({ ...config, open: () => configuration }, signal);
    const annotations = imageAnnotations(container, exported.configuration, options.pod);
    const manifest = await registry.putManifest(
      '',
      { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer], annotations },
      OCI_MANIFEST,
      signal,
    );
    const entry = { ...manifest, platform: { architecture, os: 'linux' }, annotations };
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry], annotations };
    return (await registry.putManifest(reference.tag, index, OCI_INDEX, signal)).digest;
  } finally {
    await registry.close();
  }
}

/** The archive within a checkpoint image, each byte of it verified when it has come to its end; for `importContainer`. */
export async function* pullCheckpointImage(
  dependencies: { clock: Clock },
  reference: ImageReference,
  options: RegistryOptions & { signal?: AbortSignal; onProgress?: (progress: ArchiveProgress) => void } = {},
): AsyncGenerator<Uint8Array, void> {
  const registry = new RegistryClient(dependencies, reference, options);
  const { signal } = options;
  const refused = (why: string): FermataError =>
    new FermataError('ImageNotCheckpoint', `${reference.host}/${reference.repository}:${reference.tag}: ${why}`, {
      nextStep: 'Name an image that was pushed as a checkpoint (fermata checkpoints push, checkpointctl build).',
    });
  try {
    let found = await registry.manifest(reference.tag, signal);
    if (found === undefined) throw refused('there is no such image');
    const index = decoded(found.bytes, refused);
    if (index.manifests !== undefined) {
      const [first] = index.manifests;
      found = first === undefined ? undefined : await registry.manifest(first.digest, signal);
      if (found === undefined) throw refused('its index names no manifest that is there');
    }
    const { layers = [], annotations } = decoded(found.bytes, refused);
    const [layer, ...more] = layers;
    if (annotations[CONTAINER_NAME] === undefined || layer === undefined || more.length > 0) {
      throw refused(`it has no annotation ${CONTAINER_NAME}, or not one layer`);
    }
    const hash = createHash('sha256');
    const meter = new ProgressMeter(dependencies.clock, layer.size, options.onProgress);
    for await (const piece of (await registry.blob(layer.digest, { start: 0, end: layer.size, signal })) ?? []) {
      hash.update(piece);
      meter.add(piece.length);
      yield piece;
    }
    if (`sha256:${hash.digest('hex')}` !== layer.digest) throw refused('its layer is not what its digest says');
  } finally {
    await registry.close();
  }
}

function decoded(bytes: Uint8Array, refused: (why: string) => FermataError): ImageManifest {
  try {
    return decodeImageManifest(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refused(error.message);
  }
}

async function layerOf({ entries }: ExportedContainer, signal: AbortSignal | undefined): Promise<Descriptor> {
  const hash = createHash('sha256');
  for await (const piece of writeTar(entries)) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return { mediaType: LAYER, digest: `sha256:${hash.digest('hex')}`, size: tarBytes(entries) };
}
