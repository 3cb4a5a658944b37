import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../model/index.ts';
import { podTemplate } from './pod-template.ts';

const START = Date.UTC(2026, 0, 1);
const POD: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    namespace: 'ns',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'web' },
    annotations: {
      mine: 'kept',
      'fermata.dev/restore-from': 'c0',
      'fermata.dev/incarnation': '2',
      'fermata.dev/ran-seconds': '100',
      'fermata.dev/restore-failures': '1',
      'fermata.dev/avoid-nodes': 'n1',
      'fermata.dev/not-before': '2026-01-01T00:00:00Z',
      'fermata.dev/decision': '{}',
    },
    finalizers: ['x/y'],
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j1' }],
  },
  spec: {
    nodeName: 'n1',
    priority: 10,
    priorityClassName: 'low',
    preemptionPolicy: 'Never',
    volumes: [{ name: 'data', emptyDir: {} }, { name: 'kube-api-access-x7k2p' }],
    containers: [
      {
        name: 'c',
        image: 'i',
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'kube-api-access-x7k2p', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
        ],
      },
    ],
  },
  status: { phase: 'Running', startTime: '2026-01-01T00:00:05Z' },
};

test('the template keeps what the user wrote and loses what ties it to node, object and incarnation', () => {
  const template = podTemplate(POD, START + 65_000);
  assert.deepEqual(template, {
    metadata: {
      labels: { app: 'web' },
      annotations: {
        mine: 'kept',
        'fermata.dev/incarnation': '2',
        'fermata.dev/ran-seconds': '160',
        'fermata.dev/first-enqueued': '2026-01-01T00:00:00Z',
      },
      ownerReferences: POD.metadata.ownerReferences,
    },
    spec: {
      priorityClassName: 'low',
      volumes: [{ name: 'data', emptyDir: {} }],
      containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    },
  });
});

test('a workload keeps the place in the queue of its first incarnation', () => {
  const annotations = { 'fermata.dev/first-enqueued': '2025-12-31T00:00:00Z' };
  const again = podTemplate({ ...POD, metadata: { ...POD.metadata, annotations } }, START);
  assert.equal(again.metadata.annotations?.['fermata.dev/first-enqueued'], '2025-12-31T00:00:00Z');
});

test('of a pod that the kubelet restored by itself, neither the checkpoint nor its node is in the template', () => {
  const zone = { key: 'zone', operator: 'In' as const, values: ['a'] };
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: ['n1'] }];
  const affinityOf = (...nodeSelectorTerms: object[]) => ({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  });
  const templateOf = (affinity: object) =>
    podTemplate({ ...POD, spec: { ...POD.spec, restoreFrom: 'x', affinity } as typeof POD.spec }, START).spec;
  const { spec: plain } = podTemplate(POD, START);
  assert.deepEqual(templateOf(affinityOf({ matchFields })), plain);
  const kept = affinityOf({ matchExpressions: [zone] });
  assert.deepEqual(templateOf(affinityOf({ matchExpressions: [zone], matchFields })), { ...plain, affinity: kept });
});
