import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  LEASES,
  NAMESPACES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  PRIORITY_CLASSES,
  SECRETS,
} from '../core.ts';
import { INTERRUPTION_POLICIES } from '../interruptionpolicy.ts';
import { KINDS, type KindDefinition, kindOf } from '../kinds.ts';
import type { ResourceType } from '../meta.ts';
import { POD_CHECKPOINTS } from '../podcheckpoint.ts';
import { prepareObject, unknownFieldMessage, validateObject } from './validate.ts';

function definition(type: Pick<ResourceType, 'group' | 'kind'>): KindDefinition {
  const kind = kindOf(type);
  assert.ok(kind);
  return kind;
}

/** What is wrong, one line each, as kubectl prints it. */
function problems(type: Pick<ResourceType, 'group' | 'kind'>, object: unknown): string[] {
  return validateObject(definition(type), object, { creating: true }).errors.map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

const pod = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
});
const withContainer = (container: object, spec: object = {}): object =>
  pod({ containers: [{ name: 'c', image: 'busybox', ...container }], ...spec });

describe('a pod is refused', () => {
  const cases: Record<string, [object, ...RegExp[]]> = {
    'without a container': [pod({ containers: [] }), /^spec.containers: Required value$/],
    'without a spec': [{ metadata: { name: 'p' } }, /^spec: Required value$/],
    'whose containers are no list': [
      pod({ containers: 'c' }),
      /^spec.containers: Invalid value: "string": spec.containers in body must be of type array: "string"$/,
    ],
    'with a container that has no name': [
      pod({ containers: [{ image: 'i' }] }),
      /^spec.containers\[0\].name: Required value$/,
    ],
    'with a container that has an empty name': [
      withContainer({ name: '' }),
      /^spec.containers\[0\].name: Required value$/,
    ],
    'with a container that has no image': [
      pod({ containers: [{ name: 'c' }] }),
      /^spec.containers\[0\].image: Required value$/,
    ],
    'with two containers of one name': [
      pod({ containers: [{ name: 'c', image: 'i' }], initContainers: [{ name: 'c', image: 'i' }] }),
      /^spec.containers\[0\].name: Duplicate value: "c"$/,
    ],
    'with a name that is no DNS name': [
      pod({}, { name: 'My_Pod' }),
      /^metadata.name: Invalid value: "My_Pod": a lowercase RFC 1123 subdomain must consist of/,
    ],
    'without any name': [pod({}, { name: '' }), /^metadata.name: Required value: name or generateName is required$/],
    'with a label value that is none': [
      pod({}, { labels: { app: 'a b' } }),
      /^metadata.labels: Invalid value: "a b": a valid label must be an empty string or consist of/,
    ],
    'with a unit that does not exist': [
      withContainer({ resources: { limits: { memory: '2Gb' } } }),
      /^spec.containers\[0\].resources.limits\[memory\]: Invalid value: "2Gb": quantities must match the regular expression '.*'; .*did you mean "2Gi" or "2G"\?$/,
    ],
    'that requests more than its limit': [
      withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
      /^spec.containers\[0\].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1$/,
    ],
    'that requests less than nothing': [
      withContainer({ resources: { requests: { cpu: '-1' } } }),
      /^spec.containers\[0\].resources.requests\[cpu\]: Invalid value: "-1": must be greater than or equal to 0$/,
    ],
    'with a resource nobody knows': [
      withContainer({ resources: { limits: { gpu: '1' } } }),
      /^spec.containers\[0\].resources.limits\[gpu\]: Invalid value: "gpu": must be a standard resource type or fully qualified$/,
    ],
    'that shares a device': [
      withContainer({ resources: { limits: { 'nvidia.com/gpu': '500m' } } }),
      /limits\[nvidia.com\/gpu\]: Invalid value: "500m": must be an integer$/,
    ],
    'that mounts a volume it does not have': [
      withContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      /^spec.containers\[0\].volumeMounts\[0\].name: Not found: "data"$/,
    ],
    'that mounts two volumes at one place': [
      withContainer(
        {
          volumeMounts: [
            { name: 'a', mountPath: '/d' },
            { name: 'b', mountPath: '/d' },
          ],
        },
        {
          volumes: [
            { name: 'a', emptyDir: {} },
            { name: 'b', emptyDir: {} },
          ],
        },
      ),
      /volumeMounts\[1\].mountPath: Invalid value: "\/d": must be unique$/,
    ],
    'with a volume of two kinds': [
      pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] }),
      /^spec.volumes\[0\].hostPath: Forbidden: may not specify more than 1 volume type$/,
    ],
    'with two volumes of one name': [
      pod({
        volumes: [
          { name: 'v', emptyDir: {} },
          { name: 'v', emptyDir: {} },
        ],
      }),
      /^spec.volumes\[1\].name: Duplicate value: "v"$/,
    ],
    'with a restart policy nobody knows': [
      pod({ restartPolicy: 'Sometimes' }),
      /^spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"$/,
    ],
    'with an environment variable called A=B': [
      withContainer({ env: [{ name: 'A=B', value: 'x' }] }),
      /^spec.containers\[0\].env\[0\].name: Invalid value: "A=B": a valid environment variable name must/,
    ],
    'with an environment variable of two sources': [
      withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      /env\[0\].valueFrom: Invalid value: "": may not be specified when `value` is not empty$/,
    ],
    'with a port that is none': [
      withContainer({ ports: [{ containerPort: 70000 }] }),
      /ports\[0\].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive$/,
    ],
    'with a probe that does nothing': [
      withContainer({ livenessProbe: { periodSeconds: 5 } }),
      /^spec.containers\[0\].livenessProbe: Required value: must specify a handler type$/,
    ],
    'with an init container that has a probe': [
      pod({ initContainers: [{ name: 'i', image: 'i', readinessProbe: { tcpSocket: { port: 1 } } }] }),
      /readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always$/,
    ],
    'that tolerates everything by an empty key and Equal': [
      pod({ tolerations: [{ value: 'x' }] }),
      /^spec.tolerations\[0\].operator: Invalid value: "Equal": operator must be Exists when `key` is empty/,
    ],
    'that is bound and gated': [
      pod({ nodeName: 'n', schedulingGates: [{ name: 'fermata.dev/suspended' }] }),
      /^spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared$/,
    ],
    'with node affinity without terms': [
      pod({
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
      }),
      /nodeSelectorTerms: Required value: must have at least one node selector term$/,
    ],
    'with a negative grace period': [
      pod({ terminationGracePeriodSeconds: -1 }),
      /^spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0$/,
    ],
    'for each of its faults at once': [
      withContainer({ image: '', ports: [{ containerPort: 0 }] }, { restartPolicy: 'X' }),
      /restartPolicy/,
      /image: Required value/,
      /containerPort/,
    ],
  };
  for (const [sentence, [object, ...wanted]] of Object.entries(cases)) {
    test(sentence, () => {
      const found = problems(PODS, object);
      assert.equal(found.length, wanted.length, found.join('\n'));
      for (const [index, pattern] of wanted.entries()) assert.match(found[index] ?? '', pattern);
    });
  }
});

test('a pod with everything in it passes', () => {
  const everything = pod({
    initContainers: [
      { name: 'sidecar', image: 'i', restartPolicy: 'Always', readinessProbe: { exec: { command: ['x'] } } },
    ],
    containers: [
      {
        name: 'c',
        image: 'registry:5000/a/b@sha256:0123',
        command: ['/bin/sh'],
        env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } }],
        envFrom: [{ configMapRef: { name: 'm' } }],
        ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
        resources: { requests: { cpu: 0.5, memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi', 'nvidia.com/gpu': 1 } },
        livenessProbe: { httpGet: { port: 'http' } },
        lifecycle: { preStop: { sleep: { seconds: 1 } } },
        volumeMounts: [{ name: 'data', mountPath: '/data', subPath: 'a/b' }],
        securityContext: { runAsUser: 0, capabilities: { drop: ['ALL'] } },
      },
    ],
    volumes: [
      { name: 'data', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
      { name: 'all', projected: { sources: [{ secret: { name: 's' } }, { downwardAPI: { items: [] } }] } },
      { name: 'rare', rbd: { monitors: ['a'], image: 'i', anything: true } },
    ],
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 1,
            podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { a: 'b' } } },
          },
        ],
      },
    },
    tolerations: [{ operator: 'Exists' }, { key: 'a', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    preemptionPolicy: 'CheckpointLowerPriority',
    resources: { limits: { cpu: '4' } },
    os: { name: 'linux' },
  });
  const { errors, unknownFields } = validateObject(definition(PODS), everything, { creating: true });
  assert.deepEqual(errors, []);
  assert.deepEqual(unknownFields, []);
});

describe('objects of other kinds are refused', () => {
  const named = (name: string, rest: object): object => ({ metadata: { name }, ...rest });
  const cases: Record<string, [Pick<ResourceType, 'group' | 'kind'>, object, RegExp]> = {
    'a namespace with a dot in its name': [NAMESPACES, named('a.b', {}), /a lowercase RFC 1123 label must consist of/],
    'a priority class without a value': [PRIORITY_CLASSES, named('p', {}), /^value: Required value$/],
    'a priority class above the highest': [
      PRIORITY_CLASSES,
      named('p', { value: 1_000_000_001 }),
      /^value: Forbidden: maximum allowed value of a user defined priority is 1000000000$/,
    ],
    'a priority class that claims to be of the system': [
      PRIORITY_CLASSES,
      named('system-mine', { value: 1 }),
      /^metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only/,
    ],
    'a preemption policy nobody knows': [
      PRIORITY_CLASSES,
      named('p', { value: 1, preemptionPolicy: 'Kill' }),
      /^preemptionPolicy: Unsupported value: "Kill": supported values: "CheckpointLowerPriority", "Never", "PreemptLowerPriority"$/,
    ],
    'a preemption annotation nobody knows': [
      PRIORITY_CLASSES,
      { metadata: { name: 'p', annotations: { 'fermata.dev/preemption-policy': 'checkpoint' } }, value: 1 },
      /^metadata.annotations\[fermata.dev\/preemption-policy\]: Unsupported value: "checkpoint": supported values: "CheckpointLowerPriority"$/,
    ],
    'a budget with both bounds': [
      POD_DISRUPTION_BUDGETS,
      named('b', { spec: { minAvailable: 1, maxUnavailable: 1 } }),
      /^spec: Invalid value: "object": minAvailable and maxUnavailable cannot be both set$/,
    ],
    'a budget of 120 percent': [
      POD_DISRUPTION_BUDGETS,
      named('b', { spec: { minAvailable: '120%' } }),
      /^spec.minAvailable: Invalid value: "120%": must not be greater than 100%$/,
    ],
    'a selector without values': [
      POD_DISRUPTION_BUDGETS,
      named('b', { spec: { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } }),
      /^spec.selector.matchExpressions\[0\].values: Required value: must be specified when `operator` is 'In' or 'NotIn'$/,
    ],
    'a config map with a key that is a path': [
      CONFIG_MAPS,
      named('c', { data: { 'a/b': '' } }),
      /a valid config key must/,
    ],
    'a secret that is not base64, without showing it': [
      SECRETS,
      named('s', { data: { k: 'pa$$word' } }),
      /^data\[k\]: Invalid value: "<secret contents redacted>": illegal base64 data$/,
    ],
    'a node with a taint effect nobody knows': [
      NODES,
      named('n', { spec: { taints: [{ key: 'a', effect: 'Never' }] } }),
      /^spec.taints\[0\].effect: Unsupported value: "Never"/,
    ],
    'a lease of no duration': [LEASES, named('l', { spec: { leaseDurationSeconds: 0 } }), /must be greater than 0$/],
    'a definition under another name': [
      CUSTOM_RESOURCE_DEFINITIONS,
      named('x', {
        spec: {
          group: 'a.io',
          scope: 'Cluster',
          names: { kind: 'B', plural: 'bs' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
        },
      }),
      /^metadata.name: Invalid value: "x": must be spec.names.plural\+"."\+spec.group$/,
    ],
    'a checkpoint without a pod': [POD_CHECKPOINTS, named('c', { spec: {} }), /^spec.sourcePod: Required value$/],
    'a checkpoint that may take no time': [
      POD_CHECKPOINTS,
      named('c', { spec: { sourcePod: { name: 'p' }, timeoutSeconds: 0 } }),
      /^spec.timeoutSeconds: Invalid value: 0: spec.timeoutSeconds in body should be greater than or equal to 1$/,
    ],
    'a checkpoint for a reason nobody knows': [
      POD_CHECKPOINTS,
      named('c', { spec: { sourcePod: { name: 'p' }, reason: 'Whim' } }),
      /^spec.reason: Unsupported value: "Whim": supported values: "Drain", "Idle", "Manual"/,
    ],
    'a policy with a wrong unit': [
      INTERRUPTION_POLICIES,
      named('i', { spec: { maxCheckpointSize: '8GB' } }),
      /^spec.maxCheckpointSize: Invalid value: "8GB": quantities must match.*"8Gi" or "8G"\?$/,
    ],
    'a policy whose store is no URL of one, or has credentials in it': [
      INTERRUPTION_POLICIES,
      named('p', { spec: { store: { url: 's3://key:secret@bucket' } } }),
      /^spec.store.url: Invalid value: "s3:.*": spec.store.url in body should match '/,
    ],
    'a policy whose store is a folder without its protocol': [
      INTERRUPTION_POLICIES,
      named('p', { spec: { store: { url: '/srv/store' } } }),
      /^spec.store.url: Invalid value/,
    ],
    'a policy whose store is not named': [
      INTERRUPTION_POLICIES,
      named('p', { spec: { store: {} } }),
      /^spec.store.url: Required value$/,
    ],
    'a policy with recipients that are none': [
      INTERRUPTION_POLICIES,
      named('p', { spec: { encryption: { recipients: [`age1${'q'.repeat(58)}`, 'ssh-ed25519 AAAA'] } } }),
      /^spec.encryption.recipients\[1\]: Invalid value: "ssh-ed25519 AAAA": .* should match/,
    ],
  };
  for (const [sentence, [type, object, wanted]] of Object.entries(cases)) {
    test(sentence, () => {
      const found = problems(type, object);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', wanted);
    });
  }
});

test('unknown fields are told by their path, and are errors only when asked for', () => {
  const object = { ...pod({ contaners: [] }), extra: 1 };
  const lenient = validateObject(definition(PODS), object, { unknownFields: 'Warn' });
  assert.deepEqual(lenient.unknownFields, ['spec.contaners', 'extra']);
  assert.deepEqual(lenient.errors, []);
  assert.ok(!('extra' in lenient.object));
  const strict = validateObject(definition(PODS), object, { unknownFields: 'Strict' });
  assert.equal(strict.errors.length, 2);
  assert.match(strict.errors[0]?.message ?? '', /unknown field "spec.contaners"$/);
  assert.equal(unknownFieldMessage('spec.contaners'), 'unknown field "spec.contaners"');
});

test('nulls count as absent, and keys such as __proto__ stay keys', () => {
  const object = JSON.parse(
    '{"metadata":{"name":"c","creationTimestamp":null},"data":{"__proto__":"x"},"binaryData":null}',
  ) as object;
  const { object: kept, errors } = validateObject(definition(CONFIG_MAPS), object);
  assert.deepEqual(errors, []);
  assert.equal(JSON.stringify(kept), '{"metadata":{"name":"c"},"data":{"__proto__":"x"}}');
});

test('what has been prepared once is not changed by preparing it again', () => {
  const kind = definition(PODS);
  const draft = withContainer({ resources: { limits: { memory: '0.5Gi', cpu: 1 } } }) as never;
  const once = prepareObject(kind, draft).object;
  assert.deepEqual(prepareObject(kind, once).object, once);
  assert.deepEqual(validateObject(kind, once).errors, []);
});

test('a quantity that is wrong is told once, not again as the request that follows from it', () => {
  const kind = definition(PODS);
  const { object } = prepareObject(kind, withContainer({ resources: { limits: { memory: '2Gb' } } }) as never);
  assert.equal(validateObject(kind, object).errors.length, 1);
});

test('whatever stands in an object, it is judged without a crash', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const name = fc.constantFrom(
    'spec',
    'metadata',
    'containers',
    'name',
    'volumes',
    'resources',
    'limits',
    'cpu',
    'tolerations',
    'selector',
    'names',
    'versions',
    'data',
    'value',
    'taints',
    'affinity',
    'sourcePod',
    'status',
    'key',
    'labels',
    'x',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.array(tie('tree'), { maxLength: 2 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(
      fc.constantFrom(...KINDS.map(({ type }) => type)),
      fc.oneof(tree, fc.dictionary(name, tree)),
      (type, value) => {
        const kind = definition(type);
        const object = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { spec: value };
        validateObject(kind, object, { creating: true });
        prepareObject(kind, object as never);
      },
    ),
    { numRuns: 400 },
  );
});
