import { storeCompliance } from '../../src/kubernetes/testing.ts';
import { access, connect } from './cluster.ts';

/** What the product takes for granted of an API server, asked of the one that KUBECONFIG names. */

const asking = connect();
const { major, minor } = await asking.version();
await asking.close();

storeCompliance(
  `the HTTP client against ${access.server} (Kubernetes ${major}.${minor})`,
  async () => {
    const store = connect();
    return { store, cleanup: () => store.close() };
  },
  { serverMinor: minor },
);
