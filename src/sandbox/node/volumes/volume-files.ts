import { FermataError, type Pod, type Volume } from '../../../model/index.ts';
import { fieldValue, type NodeFacts, resourceFieldValue } from '../field-reference.ts';
import type { References } from '../references.ts';

/** One file of a volume that is made of API objects. */
export interface VolumeFile {
  /** Relative to the volume's folder, without `..`. */
  path: string;
  content: Uint8Array;
  /** Permission bits. */
  mode: number;
}

const DEFAULT_MODE = 0o644;

/** One thing that contributes files, with the projection's default mode already applied. */
interface Source {
  configMap?: { name?: string; items?: readonly Item[]; optional?: boolean };
  secret?: { name?: string; items?: readonly Item[]; optional?: boolean };
  downwardAPI?: { items?: readonly DownwardItem[] };
  serviceAccountToken?: unknown;
  clusterTrustBundle?: unknown;
}
interface Item {
  key: string;
  path: string;
  mode?: number;
}
type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];

/**
 * The files of a configMap, secret, downwardAPI or projected volume; undefined for every other kind. They are written
 * once, when the pod starts: unlike the kubelet, a node of the sandbox does not update them. Throws `VolumeMissing`.
 */
export function volumeFiles(
  pod: Pod,
  volume: Volume,
  references: References,
  node: NodeFacts,
): VolumeFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const declared = projected ?? configMap ?? secret ?? downwardAPI;
  if (declared === undefined) return undefined;
  const mode = declared.defaultMode ?? DEFAULT_MODE;
  const sources: readonly Source[] =
    projected !== undefined
      ? ((projected.sources ?? []) as readonly Source[])
      : [
          {
            ...(configMap === undefined ? {} : { configMap }),
            ...(secret === undefined ? {} : { secret: { ...secret, name: secret.secretName ?? '' } }),
            ...(downwardAPI === undefined ? {} : { downwardAPI }),
          },
        ];
  // A later source wins, as in a projected volume of the kubelet.
  const files = new Map<string, VolumeFile>();
  for (const source of sources) {
    for (const file of filesOf(pod, volume.name, source, mode, references, node)) files.set(file.path, file);
  }
  return [...files.values()];
}

function filesOf(
  pod: Pod,
  volume: string,
  source: Source,
  mode: number,
  references: References,
  node: NodeFacts,
): VolumeFile[] {
  if (source.configMap !== undefined) {
    const { name = '', items, optional = false } = source.configMap;
    const found = references.configMap(name);
    if (found === undefined) return absent(volume, `configmap "${name}" not found`, optional);
    const contents = new Map<string, Uint8Array>([
      ...Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(String(text))] as const),
      ...Object.entries(found.binaryData ?? {}).map(
        ([key, text]) => [key, Buffer.from(String(text), 'base64')] as const,
      ),
    ]);
    return picked(volume, `configmap "${name}"`, contents, items, mode, optional);
  }
  if (source.secret !== undefined) {
    const { name = '', items, optional = false } = source.secret;
    const found = references.secret(name);
    if (found === undefined) return absent(volume, `secret "${name}" not found`, optional);
    const contents = new Map(
      Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(String(text), 'base64')] as const),
    );
    return picked(volume, `secret "${name}"`, contents, items, mode, optional);
  }
  if (source.downwardAPI !== undefined) {
    return (source.downwardAPI.items ?? []).map((item) => ({
      path: safePath(volume, item.path),
      content: Buffer.from(downwardText(item, pod, node)),
      mode: item.mode ?? mode,
    }));
  }
  throw new FermataError(
    'VolumeMissing',
    `volume "${volume}": ${Object.keys(source).join(', ') || 'an empty source'} cannot be projected in the sandbox`,
    { nextStep: 'remove that source from the volume' },
  );
}

function downwardText(item: DownwardItem, pod: Pod, node: NodeFacts): string {
  if (item.fieldRef !== undefined) return fieldValue(item.fieldRef.fieldPath, pod, node);
  if (item.resourceFieldRef === undefined) return '';
  return resourceFieldValue(item.resourceFieldRef as { resource: string }, pod, undefined, node);
}

function picked(
  volume: string,
  source: string,
  contents: ReadonlyMap<string, Uint8Array>,
  items: readonly Item[] | undefined,
  mode: number,
  optional: boolean,
): VolumeFile[] {
  if (items === undefined || items.length === 0) {
    return [...contents].map(([key, content]) => ({ path: safePath(volume, key), content, mode }));
  }
  return items.flatMap((item) => {
    const content = contents.get(item.key);
    if (content === undefined) return absent(volume, `${source} has no key "${item.key}"`, optional);
    return [{ path: safePath(volume, item.path), content, mode: item.mode ?? mode }];
  });
}

function absent(volume: string, reason: string, optional: boolean): [] {
  if (optional) return [];
  throw new FermataError('VolumeMissing', `MountVolume.SetUp failed for volume "${volume}" : ${reason}`, {
    nextStep: 'create what is missing; the pod starts by itself then',
  });
}

/** Keys and item paths come from users: none may lead out of the volume's folder. */
function safePath(volume: string, path: string): string {
  const parts = path.split('/');
  if (
    path === '' ||
    path.startsWith('/') ||
    path.includes('\0') ||
    parts.some((part) => part === '..' || part === '')
  ) {
    throw new FermataError('VolumeMissing', `volume "${volume}": path ${JSON.stringify(path)} leads out of the volume`);
  }
  return path;
}
