import { HttpStore, loadKubeconfig } from '../../src/kubernetes/index.ts';
import { storeCompliance } from '../../src/kubernetes/testing.ts';

/** What the product takes for granted of an API server, asked of the one that KUBECONFIG names. */

const access = await loadKubeconfig();

const makeStore = (): HttpStore => new HttpStore(access, { userAgent: 'fermata-test' });
const asking = makeStore();
const { major, minor } = await asking.version();
await asking.close();

storeCompliance(
  `the HTTP client against ${access.server} (Kubernetes ${major}.${minor})`,
  async () => {
    const store = makeStore();
    return { store, cleanup: () => store.close() };
  },
  { serverMinor: minor },
);
