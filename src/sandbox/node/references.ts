import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  CONFIG_MAPS,
  type ConfigMap,
  type Container,
  type KubeObject,
  type Pod,
  type ResourceType,
  SECRETS,
  type Secret,
} from '../../model/index.ts';

/** The ConfigMaps and Secrets of a pod's namespace, as they were when its containers were made. */
export interface References {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

/** Reads what the pod refers to from the server; what does not exist is absent (whether that matters, the user of it knows). */
export async function fetchReferences(store: ObjectStore, pod: Pod, signal?: AbortSignal): Promise<References> {
  const names = referencedNames(pod);
  const [configMaps, secrets] = await Promise.all([
    fetchAll(store, CONFIG_MAPS, pod, names.configMaps, signal),
    fetchAll(store, SECRETS, pod, names.secrets, signal),
  ]);
  return { configMap: (name) => configMaps.get(name), secret: (name) => secrets.get(name) };
}

async function fetchAll<T extends KubeObject>(
  store: ObjectStore,
  type: ResourceType<T>,
  pod: Pod,
  names: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  await Promise.all(
    [...names].map(async (name) => {
      try {
        const key = { namespace: pod.metadata.namespace, name };
        found.set(name, await store.get(type, key, signal === undefined ? {} : { signal }));
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }),
  );
  return found;
}

/** Names of all ConfigMaps and Secrets that environment and volumes of the pod refer to. */
function referencedNames(pod: Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') set.add(name);
  };
  const ofContainer = (container: Container): void => {
    for (const source of container.envFrom ?? []) {
      add(configMaps, source.configMapRef?.name);
      add(secrets, source.secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  };
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) ofContainer(container);
  for (const volume of pod.spec.volumes ?? []) {
    add(configMaps, volume.configMap?.name);
    add(secrets, volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      add(configMaps, source.configMap?.name);
      add(secrets, source.secret?.name);
    }
  }
  return { configMaps, secrets };
}
