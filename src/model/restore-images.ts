import type { Container, Pod } from './core.ts';
import type { PodCheckpoint } from './podcheckpoint.ts';

/** On a pod that a kubelet restores: what its containers ran before their images were those of a checkpoint, as JSON. */
export const IMAGES_ANNOTATION = 'fermata.dev/images';

/** `<registry>/fermata/<uid of the PodCheckpoint>/<container>`, with a tag, a digest, or neither. */
const RESTORE_IMAGE = /\/fermata\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\//;

/** The PodCheckpoint that a kubelet restores a container of this image from; undefined: the image is none. */
export function restoreImageUid(image: string): string | undefined {
  return RESTORE_IMAGE.exec(image)?.[1];
}

type PodDraft = Pick<Pod, 'spec'> & { metadata: { annotations?: Record<string, string> } };
type Original = Pick<Container, 'image' | 'imagePullPolicy'>;

/**
 * The pod with the images from which a kubelet brings it back, where the checkpoint names such: a kubelet restores a container
 * whose image is its checkpoint. They are pulled at every start, for only then the node has the data brought and verified. Init
 * containers ran before the dump and do not run again.
 */
export function withRestoreImages<T extends PodDraft>(pod: T, checkpoint: PodCheckpoint): T {
  const images = new Map(
    (checkpoint.status?.checkpointedContainers ?? []).flatMap(({ name, restoreImage }) =>
      restoreImage === undefined ? [] : [[name, restoreImage] as const],
    ),
  );
  if (images.size === 0) return pod;
  const originals = originalImages(pod);
  const replace = (container: Container): Container => {
    const restoreImage = images.get(container.name);
    if (restoreImage === undefined) return container;
    const { image, imagePullPolicy } = container;
    originals[container.name] ??= { ...(image && { image }), ...(imagePullPolicy && { imagePullPolicy }) };
    return { ...container, image: restoreImage, imagePullPolicy: 'Always' };
  };
  const containers = pod.spec.containers.map(replace);
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(replace);
  const { initContainers: _, ...spec } = pod.spec;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, [IMAGES_ANNOTATION]: JSON.stringify(originals) },
    },
    spec: { ...spec, containers, ...(sidecars.length === 0 ? {} : { initContainers: sidecars }) },
  };
}

/** By container, what {@link withRestoreImages} replaced; empty for a pod that runs its own images. */
export function originalImages(pod: PodDraft): Record<string, Original> {
  const text = pod.metadata.annotations?.[IMAGES_ANNOTATION];
  if (text === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, Original>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/** KEP-753: an init container that runs beside the others. */
function isSidecar(container: Container): boolean {
  return 'restartPolicy' in container && container.restartPolicy === 'Always';
}
