import type { AdmissionAnswer, AdmissionRequest } from '../../kubernetes/index.ts';
import { type Container, GROUP, POD_CHECKPOINTS, RESTORE_FROM_ANNOTATION, restoreImageUid } from '../../model/index.ts';
import type { NewPod } from './replacement.ts';

export interface RestoreReviewParts {
  /** Asks the API server about `spec` of a SubjectAccessReview. */
  isAllowed: (spec: object) => Promise<{ allowed: boolean; reason?: string }>;
  /** UID of that PodCheckpoint; undefined: there is none. */
  checkpointUid: (namespace: string, name: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** What a pod says by which memory that was saved would run in it. */
interface Claim {
  /** The checkpoint of its namespace that it names. */
  from: string | undefined;
  /** Images, of containers and volumes, that are checkpoints: to the UID of their PodCheckpoint. */
  images: ReadonlyMap<string, string>;
}

/**
 * Whether the request's user may have the pod run what somebody's checkpoint holds. It is asked for by the annotation, or by an image
 * that is a checkpoint: a node that has restored it keeps such an image for a while, and gives it to any pod that names it. Both may
 * also be written to a pod that exists. Who does either needs the verb `restore` on that checkpoint (as in KEP-5823), and images
 * must be of that very checkpoint, which is one of the pod's own namespace. Undefined: the request claims nothing new.
 */
export async function reviewRestore(
  parts: RestoreReviewParts,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<AdmissionAnswer | undefined> {
  const { namespace, userInfo } = request;
  const before = request.operation === 'UPDATE' ? claimOf(request.oldObject) : NOTHING;
  const { from, images } = claimOf(request.object);
  const added = [...images.keys()].filter((image) => !before.images.has(image));
  if ((from === undefined || from === before.from) && added.length === 0) return undefined;
  const who = `user "${userInfo.username}"`;
  if (from === undefined) {
    return forbidden(
      `image "${added[0]}" is a checkpoint: only pods with the annotation ${RESTORE_FROM_ANNOTATION} may name it`,
    );
  }
  const { username: user, groups, uid, extra } = userInfo;
  const resourceAttributes = { group: GROUP, resource: POD_CHECKPOINTS.plural, verb: 'restore', namespace, name: from };
  const { allowed, reason } = await parts.isAllowed({
    ...{ user, groups, resourceAttributes },
    ...(uid !== undefined && { uid }),
    ...(extra !== undefined && { extra }),
  });
  if (!allowed) {
    const why = reason === undefined ? '' : `: ${reason}`;
    return forbidden(`${who} may not restore podcheckpoint "${from}" in namespace "${namespace}"${why}`);
  }
  if (images.size === 0) return { allowed: true };
  const own = await parts.checkpointUid(namespace, from, signal);
  for (const [image, checkpointUid] of images) {
    if (checkpointUid !== own)
      return forbidden(`image "${image}" is none of podcheckpoint "${from}" in namespace "${namespace}"`);
  }
  return { allowed: true };
}

const NOTHING: Claim = { from: undefined, images: new Map() };

function claimOf(object: unknown): Claim {
  const { metadata, spec } = (object ?? {}) as Partial<NewPod>;
  const { containers = [], initContainers = [], ephemeralContainers = [], volumes = [] } = spec ?? {};
  const all: Pick<Container, 'image'>[] = [...containers, ...initContainers, ...ephemeralContainers];
  // Mounted as a volume (KEP-4639), a checkpoint is not run but read.
  const mounted = volumes.map(({ image }) => image?.reference);
  const images = [...all.map(({ image }) => image), ...mounted].flatMap((image = ''): [string, string][] => {
    const uid = restoreImageUid(image);
    return uid === undefined ? [] : [[image, uid]];
  });
  return { from: metadata?.annotations?.[RESTORE_FROM_ANNOTATION], images: new Map(images) };
}

function forbidden(message: string): AdmissionAnswer {
  return { allowed: false, code: 403, reason: 'Forbidden', message };
}
