import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  ApiException,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { SystemClock, seededRandom } from '../src/clock/index.ts';
import { SILENT_LOG } from '../src/model/index.ts';
import { SandboxApiServer } from '../src/sandbox/index.ts';

const NAMESPACE = 'default';

describe('@kubernetes/client-node', () => {
  const kubeconfig = new KubeConfig();
  let directory: string;
  let server: SandboxApiServer;
  let core: CoreV1Api;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fermata-client-node-'));
    server = new SandboxApiServer(
      { clock: new SystemClock(), random: seededRandom(1), log: SILENT_LOG },
      { directory, nodeSocket: join(directory, 'nodes.sock') },
    );
    const { kubeconfigPath } = await server.start();
    kubeconfig.loadFromFile(kubeconfigPath);
    core = kubeconfig.makeApiClient(CoreV1Api);
  });
  after(async () => {
    await server.stop();
    await rm(directory, { recursive: true });
  });

  test('creates, patches, lists by pages and deletes', async () => {
    for (const name of ['a', 'b', 'c']) {
      const body: V1ConfigMap = { metadata: { name, labels: { by: 'client-node' } }, data: { n: '1' } };
      await core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
    }
    const body = [{ op: 'replace', path: '/data/n', value: '2' }];
    const patched = await core.patchNamespacedConfigMap({ namespace: NAMESPACE, name: 'a', body });
    assert.equal(patched.data?.n, '2');
    const labelSelector = 'by=client-node';
    const page = await core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector, limit: 2 });
    assert.equal(page.items.length, 2);
    assert.equal(page.metadata?.remainingItemCount ?? 1, 1);
    const next = { namespace: NAMESPACE, labelSelector, _continue: page.metadata?._continue ?? '' };
    assert.deepEqual(
      (await core.listNamespacedConfigMap(next)).items.map(({ metadata }) => metadata?.name),
      ['c'],
    );
    await core.deleteCollectionNamespacedConfigMap({ namespace: NAMESPACE, labelSelector });
    await assert.rejects(core.readNamespacedConfigMap({ namespace: NAMESPACE, name: 'a' }), (error) => {
      assert.ok(error instanceof ApiException);
      return error.code === 404;
    });
  });

  test('watches', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace: NAMESPACE });
    const seen: string[] = [];
    const resourceVersion = metadata?.resourceVersion ?? '';
    const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
    await new Promise<void>((resolve, reject) => {
      const onEvent = (type: string, object: V1ConfigMap): void => {
        seen.push(`${type} ${object.metadata?.name ?? ''}`);
        if (type === 'DELETED') controller.then((one) => one.abort()).then(() => resolve(), reject);
      };
      const controller = new Watch(kubeconfig).watch(path, { resourceVersion }, onEvent, () => undefined);
      controller
        .then(() => core.createNamespacedConfigMap({ namespace: NAMESPACE, body: { metadata: { name: 'seen' } } }))
        .then(() => core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: 'seen' }))
        .catch(reject);
    });
    assert.deepEqual(seen, ['ADDED seen', 'DELETED seen']);
  });

  test("reads and writes Fermata's own kinds", async () => {
    const custom = kubeconfig.makeApiClient(CustomObjectsApi);
    const place = { group: 'fermata.dev', version: 'v1alpha1', namespace: NAMESPACE, plural: 'interruptionpolicies' };
    const body = {
      apiVersion: 'fermata.dev/v1alpha1',
      kind: 'InterruptionPolicy',
      metadata: { name: 'p' },
      spec: { onPreemption: 'Never' },
    };
    await custom.createNamespacedCustomObject({ ...place, body });
    const list = (await custom.listNamespacedCustomObject(place)) as { items: { spec: { onPreemption: string } }[] };
    assert.equal(list.items[0]?.spec.onPreemption, 'Never');
    const wrong = { ...body, metadata: { name: 'q' }, spec: { onPreemption: 'Sometimes' } };
    await assert.rejects(custom.createNamespacedCustomObject({ ...place, body: wrong }), (error) => {
      assert.ok(error instanceof ApiException);
      return error.code === 422 && /spec\.onPreemption/.test(String(error.body));
    });
  });
});
