import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Container, Pod, Secret } from '../../model/index.ts';
import { resolveEnvironment } from './environment.ts';
import type { References } from './references.ts';

const NODE = { name: 'n1', hostIP: '127.0.0.1', allocatable: { cpu: 2000, memory: 1024 ** 3 } };
const META = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', namespace: 'ns' };

function resolve(container: Partial<Container>): Record<string, string> {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...META, name: 'p', labels: { app: 'web' }, annotations: { note: 'hi' } },
    spec: { containers: [{ name: 'c', image: 'i', ...container }] },
  };
  return { ...resolveEnvironment(pod, REFERENCES, NODE).environment.c };
}

const CONFIG: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...META, name: 'cm' },
  data: { a: 'A', b: 'B' },
};
const SECRET: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...META, name: 's' },
  data: { password: Buffer.from('hunter2').toString('base64') },
};
const REFERENCES: References = {
  configMap: (name) => (name === 'cm' ? CONFIG : undefined),
  secret: (name) => (name === 's' ? SECRET : undefined),
};

const cases: Record<string, { container: Partial<Container>; want: Record<string, string> }> = {
  'later variables use earlier ones': {
    container: {
      env: [
        { name: 'X', value: '1' },
        { name: 'Y', value: '$(X)2' },
        { name: 'Z', value: '$(LATER)' },
      ],
    },
    want: { X: '1', Y: '12', Z: '$(LATER)' },
  },
  'envFrom comes first, with its prefix, and env wins': {
    container: {
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 's' } }],
      env: [
        { name: 'P_a', value: 'own' },
        { name: 'BOTH', value: '$(P_b)$(password)' },
      ],
    },
    want: { P_a: 'own', P_b: 'B', password: 'hunter2', BOTH: 'Bhunter2' },
  },
  'keys of ConfigMaps and Secrets': {
    container: {
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'a' } } },
        { name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } },
      ],
    },
    want: { A: 'A', P: 'hunter2' },
  },
  'what is optional and missing is left out': {
    container: {
      envFrom: [{ configMapRef: { name: 'none', optional: true } }],
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'a', optional: true } } }],
    },
    want: {},
  },
  'fields of the pod': {
    container: {
      env: [
        ['NAME', 'metadata.name'],
        ['NAMESPACE', 'metadata.namespace'],
        ['UID', 'metadata.uid'],
        ['LABEL', "metadata.labels['app']"],
        ['NOTE', "metadata.annotations['note']"],
        ['NODE', 'spec.nodeName'],
        ['HOST', 'status.hostIP'],
        ['ACCOUNT', 'spec.serviceAccountName'],
      ].map(([name = '', fieldPath = '']) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    },
    want: {
      NAME: 'p',
      NAMESPACE: 'ns',
      UID: 'u',
      LABEL: 'web',
      NOTE: 'hi',
      NODE: 'n1',
      HOST: '127.0.0.1',
      ACCOUNT: 'default',
    },
  },
  'resources are rounded up to the divisor, and a missing limit is what the node has': {
    container: {
      resources: { requests: { cpu: '1500m' }, limits: { memory: '65Mi' } },
      env: [
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'requests.cpu' } } },
        { name: 'MILLIS', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        { name: 'NODE_CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
    },
    want: { CPU: '2', MILLIS: '1500', MEMORY: '65', NODE_CPU: '2' },
  },
};

for (const [sentence, { container, want }] of Object.entries(cases)) {
  test(sentence, () => assert.deepEqual(resolve(container), want));
}

const refused: Record<string, { container: Partial<Container>; says: RegExp }> = {
  'a ConfigMap that does not exist': {
    container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'a' } } }] },
    says: /^container c: configmap "none" not found$/,
  },
  'a key that does not exist': {
    container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'none' } } }] },
    says: /^container c: couldn't find key none in Secret ns\/s$/,
  },
  'a Secret of envFrom that does not exist': {
    container: { envFrom: [{ secretRef: { name: 'none' } }] },
    says: /secret "none" not found/,
  },
  'a field that the downward API does not have': {
    container: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.tolerations' } } }] },
    says: /unsupported fieldPath: spec.tolerations/,
  },
};

for (const [sentence, { container, says }] of Object.entries(refused)) {
  test(`refused: ${sentence}`, () =>
    assert.throws(() => resolve(container), { code: 'ContainerConfigInvalid', message: says }));
}

test('command and arguments are expanded with the environment of their container', () => {
  const container = {
    name: 'c',
    image: 'i',
    command: ['run', '$(X)'],
    args: ['$(Y)'],
    env: [{ name: 'X', value: '1' }],
  };
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...META, name: 'p' },
    spec: { containers: [container] },
  };
  const resolved = resolveEnvironment(pod, REFERENCES, NODE).pod.spec.containers[0];
  assert.deepEqual([resolved?.command, resolved?.args], [['run', '1'], ['$(Y)']]);
});
