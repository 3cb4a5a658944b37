import { type HttpStore, isApiError, type ObjectKey } from '../kubernetes/index.ts';
import { FermataError, type KubeObject, type ResourceType } from '../model/index.ts';
import { manifestFiles, type ServerAbilities } from './manifests.ts';
import type { DeploymentOptions, Manifest } from './options.ts';
import { resourceTypeOf } from './resource-types.ts';

const FIELD_MANAGER = 'fermata-install';

export interface Applied {
  kind: string;
  namespace?: string;
  name: string;
  action: 'created' | 'changed' | 'unchanged';
}

/** What the server can be told, by its version and what it serves. */
export async function serverAbilities(store: HttpStore): Promise<ServerAbilities> {
  const { major, minor } = await store.version();
  const since = (wanted: number): boolean => major > 1 || minor >= wanted;
  return {
    matchConditions: since(28),
    validationRules: since(25),
    selectableFields: since(30),
    serviceMonitors: await isServed(store, 'monitoring.coreos.com/v1'),
  };
}

/** All manifests of an installation on this server. Throws FermataError `InstallUnsupported`. */
export async function manifestsFor(store: HttpStore, options: DeploymentOptions): Promise<Manifest[]> {
  const manifests = manifestFiles(options, await serverAbilities(store)).flatMap((file) => file.manifests);
  const wanted = [...new Set(manifests.map(({ apiVersion }) => apiVersion))].filter((each) => each.includes('/'));
  const served = await Promise.all(wanted.map((apiVersion) => isServed(store, apiVersion)));
  const missing = wanted.filter((_, index) => served[index] !== true);
  if (missing.length > 0) {
    throw new FermataError(
      'InstallUnsupported',
      `the API server does not serve ${missing.join(', ')}; nothing was changed`,
      {
        nextStep:
          'name a Kubernetes cluster (1.20 or later) with --kubeconfig or --context; a sandbox has Fermata in it already',
      },
    );
  }
  return manifests;
}

async function isServed(store: HttpStore, apiVersion: string): Promise<boolean> {
  try {
    await store.read(`/apis/${apiVersion}`);
    return true;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

/**
 * Applies the manifests in their order. Applied again it changes what differs and nothing else; what an upgrade finds of
 * checkpoints and suspended pods it does not touch.
 */
export async function install(
  store: HttpStore,
  manifests: readonly Manifest[],
  onApplied: (applied: Applied) => void,
): Promise<void> {
  for (const manifest of manifests) {
    const type = resourceTypeOf(manifest);
    const { namespace, name } = manifest.metadata;
    const before = await found(store, type, manifest.metadata);
    const wanted = before === undefined ? manifest : withAuthorities(manifest, before);
    const after = await store.apply(type, wanted, { fieldManager: FIELD_MANAGER });
    const same = before?.metadata.resourceVersion === after.metadata.resourceVersion;
    onApplied({
      kind: manifest.kind,
      ...(namespace !== undefined && { namespace }),
      name,
      action: before === undefined ? 'created' : same ? 'unchanged' : 'changed',
    });
  }
}

/** What is there already, for `--dry-run`. */
export async function existing(store: HttpStore, manifests: readonly Manifest[]): Promise<boolean[]> {
  return Promise.all(
    manifests.map(async (manifest) => (await found(store, resourceTypeOf(manifest), manifest.metadata)) !== undefined),
  );
}

interface Webhooks {
  webhooks?: { name: string; clientConfig: { caBundle?: string } }[];
}

/** The webhook's own authorities, which it has written there, stay: older servers replace the whole list. */
function withAuthorities(manifest: Manifest, before: KubeObject): Manifest {
  if (manifest.kind !== 'MutatingWebhookConfiguration') return manifest;
  const known = new Map(
    (before as KubeObject & Webhooks).webhooks?.map((each) => [each.name, each.clientConfig.caBundle]),
  );
  const [anyBundle] = known.values();
  const webhooks = ((manifest as Manifest & Webhooks).webhooks ?? []).map((webhook) => {
    const caBundle = known.get(webhook.name) ?? anyBundle;
    return caBundle === undefined ? webhook : { ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } };
  });
  return { ...manifest, webhooks };
}

async function found(
  store: HttpStore,
  type: ResourceType<KubeObject>,
  key: ObjectKey,
): Promise<KubeObject | undefined> {
  try {
    return await store.get(type, key);
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Removes what is there of the manifests, the last first. */
export async function remove(
  store: HttpStore,
  manifests: readonly Manifest[],
  onRemoved: (removed: Pick<Applied, 'kind' | 'name'>) => void,
): Promise<void> {
  for (const manifest of [...manifests].reverse()) {
    try {
      await store.delete(resourceTypeOf(manifest), manifest.metadata);
      onRemoved({ kind: manifest.kind, name: manifest.metadata.name });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
