import { customResourceDefinitions, HttpStore, isApiError, loadKubeconfig } from '../../src/kubernetes/index.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES } from '../../src/model/index.ts';

/** How to reach the cluster that KUBECONFIG names. */
export const access = await loadKubeconfig();

export function connect(): HttpStore {
  return new HttpStore(access, { userAgent: 'fermata-test' });
}

/** Gives `use` a namespace of its own, and deletes it afterwards. */
export async function withNamespace(use: (store: HttpStore, namespace: string) => Promise<void>): Promise<void> {
  const store = connect();
  try {
    const { metadata } = await store.create(NAMESPACES, { metadata: { generateName: 'fermata-test-' } });
    try {
      await use(store, metadata.name);
    } finally {
      await store.delete(NAMESPACES, { name: metadata.name }).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
    }
  } finally {
    await store.close();
  }
}

/** Makes Fermata's kinds known, which stay. */
export async function define(store: HttpStore): Promise<void> {
  for (const definition of customResourceDefinitions()) {
    await store.create(CUSTOM_RESOURCE_DEFINITIONS, definition).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    });
  }
}
