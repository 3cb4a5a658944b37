import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  NAMESPACES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  PRIORITY_CLASSES,
  SECRETS,
} from '../core.ts';
import { INTERRUPTION_POLICIES } from '../interruptionpolicy.ts';
import { kindOf } from '../kinds.ts';
import type { ResourceType } from '../meta.ts';
import { POD_CHECKPOINTS } from '../podcheckpoint.ts';
import { applyDefaults } from './defaults.ts';

function defaulted(type: Pick<ResourceType, 'group' | 'kind'>, object: object): Record<string, unknown> {
  const kind = kindOf(type);
  assert.ok(kind);
  return applyDefaults(kind, object as never) as unknown as Record<string, unknown>;
}

test('a pod gets what kube-apiserver gives it, and no tolerations', () => {
  const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
  const before = structuredClone(pod);
  assert.deepEqual(defaulted(PODS, pod).spec, {
    containers: [
      {
        name: 'c',
        image: 'busybox',
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    enableServiceLinks: true,
  });
  assert.deepEqual(pod, before, 'the object itself is not changed');
});

describe('the pull policy follows the tag', () => {
  const cases: Record<string, string> = {
    busybox: 'Always',
    'busybox:latest': 'Always',
    'localhost:5000/busybox': 'Always',
    'busybox:1.36': 'IfNotPresent',
    'localhost:5000/busybox:1.36': 'IfNotPresent',
    'busybox@sha256:abc': 'IfNotPresent',
  };
  for (const [image, want] of Object.entries(cases)) {
    test(`${image} is pulled ${want}`, () => {
      const spec = defaulted(PODS, { spec: { containers: [{ name: 'c', image }] } }).spec as {
        containers: { imagePullPolicy: string }[];
      };
      assert.equal(spec.containers[0]?.imagePullPolicy, want);
    });
  }
});

test('requests follow the limits, ports are TCP, probes and volumes are completed', () => {
  const { spec } = defaulted(PODS, {
    spec: {
      volumes: [{ name: 'v' }, { name: 'm', configMap: { name: 'm' } }],
      containers: [
        {
          name: 'c',
          image: 'a:1',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
          readinessProbe: { httpGet: { port: 80 } },
        },
      ],
    },
  }) as { spec: { volumes: unknown[]; containers: Record<string, unknown>[] } };
  assert.deepEqual(spec.volumes, [
    { name: 'v', emptyDir: {} },
    { name: 'm', configMap: { name: 'm', defaultMode: 0o644 } },
  ]);
  const [container] = spec.containers;
  assert.deepEqual(container?.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '500m', memory: '1Gi' },
  });
  assert.deepEqual(container?.ports, [{ containerPort: 80, protocol: 'TCP' }]);
  assert.deepEqual(container?.readinessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
});

test('other kinds get theirs', () => {
  assert.equal(defaulted(PRIORITY_CLASSES, { value: 1 }).preemptionPolicy, 'PreemptLowerPriority');
  assert.deepEqual(defaulted(NAMESPACES, { metadata: { name: 'a' } }), {
    metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'a' } },
    status: { phase: 'Active' },
  });
  assert.deepEqual(defaulted(SECRETS, { stringData: { a: 'b' } }), { data: { a: 'Yg==' }, type: 'Opaque' });
  assert.deepEqual(defaulted(POD_DISRUPTION_BUDGETS, { spec: {} }).spec, { minAvailable: 1 });
  assert.deepEqual(defaulted(POD_CHECKPOINTS, { spec: { sourcePod: { name: 'p' } } }).spec, {
    sourcePod: { name: 'p' },
    timeoutSeconds: 300,
    postCheckpointState: 'Running',
    reason: 'Manual',
    restore: 'Automatic',
  });
  const policy = { onPreemption: 'Checkpoint', outsideConnections: 'Keep', restartFrom: 'Checkpoint' };
  assert.deepEqual(defaulted(INTERRUPTION_POLICIES, { spec: {} }).spec, policy);
  const { spec } = defaulted(CUSTOM_RESOURCE_DEFINITIONS, { spec: { names: { kind: 'Ab', plural: 'abs' } } });
  assert.deepEqual(spec, {
    names: { kind: 'Ab', plural: 'abs', singular: 'ab', listKind: 'AbList' },
    conversion: { strategy: 'None' },
  });
});
