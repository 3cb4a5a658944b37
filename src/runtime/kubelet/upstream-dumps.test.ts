import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SystemClock } from '../../clock/index.ts';
import type { NodePodCheckpoint } from '../../model/index.ts';
import type { UpstreamCheckpoints } from './upstream-checkpoints.ts';
import { UpstreamDumps } from './upstream-dumps.ts';

type Status = NonNullable<NodePodCheckpoint['status']>;

const POD = {
  namespace: 'team',
  name: 'thesis',
  uid: 'u1',
  nodeName: 'n1',
  containers: [{ name: 'main', image: 'i' }],
};
const READY: Status = {
  nodeName: 'n1',
  sourcePodUID: 'u1',
  checkpointLocation: { type: 'NodeLocal', nodeLocal: { path: 'checkpoint-x' } },
  checkpointedPodTemplate: { spec: { containers: [{ name: 'main' }] } },
  checkpointedContainers: [{ name: 'main' }],
  conditions: [{ type: 'Ready', status: 'True', reason: 'CheckpointCompleted' }],
};

let root: string;
let directory: string;
let dumps: UpstreamDumps;
let made: NodePodCheckpoint | undefined;
let refused: string | undefined;
let status: Status;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fermata-upstream-dumps-'));
  directory = join(root, 'dump');
  mkdirSync(directory);
  mkdirSync(join(root, 'var/lib/kubelet/pod-checkpoints/checkpoint-x'), { recursive: true });
  writeFileSync(join(root, 'var/lib/kubelet/pod-checkpoints/checkpoint-x/archive'), 'opaque');
  [made, refused, status] = [undefined, undefined, READY];
  const upstream: UpstreamCheckpoints = {
    create: async ({ namespace, name, pod, timeoutSeconds }) => {
      if (refused !== undefined) return { refused };
      const metadata = { namespace, name, uid: 'x', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
      const spec = { sourcePod: { name: pod.name, uid: pod.uid }, timeoutSeconds };
      made = { apiVersion: 'node.k8s.io/v1alpha1', kind: 'PodCheckpoint', metadata, spec, status };
      return undefined;
    },
    get: async () => made,
    delete: async () => {
      made = undefined;
    },
  };
  dumps = new UpstreamDumps({ upstream, clock: new SystemClock() }, root);
});
afterEach(() => rmSync(root, { recursive: true }));

const take = () => dumps.take(POD, directory, 1_000, new AbortController().signal);

test('what is Ready is where the contract puts it, and goes with its object', async () => {
  const folder = join(root, 'var/lib/kubelet/pod-checkpoints/checkpoint-x');
  const record = await take();
  assert.deepEqual([record.folder, record.template], [folder, READY.checkpointedPodTemplate?.spec]);
  assert.deepEqual(record.containers, [{ name: 'main', image: 'i', sizeBytes: 6 }]);
  assert.equal(await dumps.isThere(directory), true);
  await dumps.discard(directory);
  assert.deepEqual([made, existsSync(folder), await dumps.isThere(directory)], [undefined, false, false]);
  await dumps.discard(directory);
});

const DISBELIEVED: Record<string, { status: Partial<Status>; message: RegExp }> = {
  'of another pod of the name': { status: { sourcePodUID: 'u2' }, message: /it is of pod u2/ },
  'of another node': { status: { nodeName: 'n2' }, message: /it was made on node n2/ },
  'in a place of a later version': { status: { checkpointLocation: { type: 'OCI' } }, message: /it lies in OCI/ },
  'without a container that ran': { status: { checkpointedContainers: [] }, message: /container main is not in it/ },
  "out of the kubelet's folder": {
    status: { checkpointLocation: { type: 'NodeLocal', nodeLocal: { path: '../../../../dump' } } },
    message: /leads out of the kubelet's folder/,
  },
  'without data': {
    status: { checkpointLocation: { type: 'NodeLocal', nodeLocal: { path: 'checkpoint-y' } } },
    message: /there is nothing in/,
  },
};

for (const [sentence, { status: changed, message }] of Object.entries(DISBELIEVED)) {
  test(`Ready is not believed of one ${sentence}`, async () => {
    status = { ...READY, ...changed };
    await assert.rejects(take(), { code: 'DumpFailed', message });
  });
}

test('one that failed says why', async () => {
  const message = 'rpc error: code = Unimplemented';
  status = { conditions: [{ type: 'Ready', status: 'False', reason: 'CheckpointFailed', message }] };
  await assert.rejects(take(), { code: 'DumpFailed', message: /CheckpointFailed: rpc error: code = Unimplemented$/ });
  assert.equal(dumps.mayBeServed, true, 'another pod may have more luck');
});

test('a server that does not serve them is not asked again at once', async () => {
  refused = 'the API server does not serve them';
  await assert.rejects(take(), { code: 'CheckpointUnsupported', message: /does not serve them/ });
  assert.equal(dumps.mayBeServed, false);
});
