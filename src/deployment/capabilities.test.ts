import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Capability, type ClusterFacts, capabilities, type NodeFacts } from './capabilities.ts';

const node = (rest: Partial<NodeFacts> = {}): NodeFacts => ({
  name: 'n1',
  kubeletVersion: 'v1.34.1',
  containerRuntimeVersion: 'containerd://2.1.3',
  endpoint: 'Served',
  ...rest,
});
const NEWEST: ClusterFacts = {
  version: { major: 1, minor: 34 },
  served: {
    'policy/v1': ['poddisruptionbudgets'],
    'metrics.k8s.io/v1beta1': ['pods'],
    'node.k8s.io/v1alpha1': ['podcheckpoints'],
    'fermata.dev/v1alpha1': ['podcheckpoints'],
  },
  nodes: [node()],
  webhook: 'Ready',
};
const of = (facts: Partial<ClusterFacts>): Record<string, Capability> =>
  Object.fromEntries(capabilities({ ...NEWEST, ...facts }).map((each) => [each.capability, each]));

test('of a new cluster all is there, and only the nodes know about CRIU', () => {
  const other = Object.values(of({})).filter(({ status }) => status !== 'yes');
  assert.deepEqual(
    other.map(({ capability, status }) => [capability, status]),
    [['CRIU on the nodes', 'unknown']],
  );
});

test('an old server is made up for', () => {
  const found = of({ version: { major: 1, minor: 20 }, served: { 'fermata.dev/v1alpha1': ['podcheckpoints'] } });
  const fallbacks = Object.values(found).filter(({ status }) => status === 'fallback');
  assert.deepEqual(
    fallbacks.map(({ capability }) => capability),
    [
      'preconditions of binds',
      'schedulingGates',
      'policy/v1',
      'validation rules of definitions',
      'matchConditions of webhooks',
      'metrics.k8s.io',
      'PodCheckpoint of KEP-5823',
    ],
  );
});

test('a gate that a server has only as alpha counts as none', () => {
  assert.equal(of({ version: { major: 1, minor: 26 } }).schedulingGates?.status, 'fallback');
  assert.equal(of({ version: { major: 1, minor: 27 } }).schedulingGates?.status, 'yes');
});

const RUNTIMES: Record<string, Capability['status']> = {
  'containerd://2.1.0': 'yes',
  'containerd://2.0.4': 'no',
  'containerd://1.7.28': 'no',
  'cri-o://1.34.0': 'yes',
  'cri-o://1.28.1': 'unknown',
  'cri-o://1.20.0': 'no',
  'docker://24.0.0': 'no',
  '': 'no',
};
for (const [containerRuntimeVersion, want] of Object.entries(RUNTIMES)) {
  test(`container runtime ${containerRuntimeVersion || 'unknown'}: ${want}`, () => {
    const found = of({ nodes: [node({ containerRuntimeVersion })] })['node n1: container runtime'];
    assert.equal(found?.status, want);
    assert.equal(found?.fix === undefined, want === 'yes');
  });
}

test('each node says for itself whether its kubelet checkpoints', () => {
  const found = of({ nodes: [node(), node({ name: 'n2', endpoint: 'NotServed', kubeletVersion: 'v1.28.0' })] });
  assert.equal(found['node n1: checkpoint endpoint']?.status, 'yes');
  assert.equal(found['node n2: checkpoint endpoint']?.status, 'no');
  assert.match(found['node n2: checkpoint endpoint']?.fix ?? '', /ContainerCheckpoint=true/);
});

test('what was not installed is told by its command', () => {
  const found = of({ served: {}, webhook: 'Missing', nodes: [] });
  assert.equal(found.Fermata?.fix, 'fermata install');
  assert.equal(found['admission webhook']?.fix, 'fermata install');
  assert.equal(found.nodes?.status, 'no');
});
