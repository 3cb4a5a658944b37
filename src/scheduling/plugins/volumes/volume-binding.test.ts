import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject, Pod } from '../../../model/index.ts';
import { checkpoint, type NodeBuilder, node, pod } from '../../testing.ts';
import { Story } from '../../testing-story.ts';
import { bound, changed, claim, mounting, storageClass, usableIn, volume } from './testing-volumes.ts';

interface Case {
  objects?: KubeObject[];
  pod?: ReturnType<typeof pod>;
  wants: string | RegExp;
}

const zones = (): NodeBuilder[] => ['e', 'w'].map((zone) => node(zone).labels({ zone }));
const deleted = claim('c');
deleted.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
const lost = claim('c', { volumeName: 'gone' });
lost.status = { phase: 'Lost' };
const selected = claim('c', { storageClassName: 'cloud' });
selected.metadata.annotations = { 'volume.kubernetes.io/selected-node': 'w' };
const ephemeral = pod('p').spec({ volumes: [{ name: 'scratch', ephemeral: {} }] } as Partial<Pod['spec']>);
const owned = bound('p-scratch', 'v');
owned.metadata.ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'uid-p', controller: true }];
const cloud = storageClass('cloud', { provisioner: 'disk.example' });
const cloudWest = storageClass('cloud', {
  provisioner: 'disk.example',
  allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['w'] }] }],
});

const CASES: Record<string, Case> = {
  'a claim that is not there': { wants: /: 0\/2 nodes are available: persistentvolumeclaim "c" not found\./ },
  'a claim that is being deleted': { objects: [deleted], wants: /persistentvolumeclaim "c" is being deleted/ },
  'a claim whose volume is lost': {
    objects: [lost],
    wants: /persistentvolumeclaim "c" bound to non-existent persistentvolume "gone"/,
  },
  'a claim that is bound at once, but is not yet': {
    objects: [claim('c', { storageClassName: 'fast' }), storageClass('fast', { volumeBindingMode: 'Immediate' })],
    wants: /pod has unbound immediate PersistentVolumeClaims/,
  },
  'a claim without class is bound at once too': {
    objects: [claim('c')],
    wants: /pod has unbound immediate PersistentVolumeClaims/,
  },
  'a class that is not there': {
    objects: [claim('c', { storageClassName: 'fast' })],
    wants: /storageclass\.storage\.k8s\.io "fast" not found/,
  },
  'a bound volume that every node can use': { objects: [bound('c', 'v'), volume('v')], wants: 'Bind p → e' },
  'a bound volume of the other zone': {
    objects: [bound('c', 'v'), volume('v', usableIn('w'))],
    wants: 'Bind p → w',
  },
  'a bound volume of no zone there is': {
    objects: [bound('c', 'v'), volume('v', usableIn('north'))],
    wants: /2 node\(s\) didn't match PersistentVolume's node affinity\. preemption: .* 2 Preemption is not helpful/,
  },
  'bound to a volume that is not there': {
    objects: [bound('c', 'v')],
    wants: /0\/2 nodes are available: persistentvolume "v" not found\. preemption: .* 2 Preemption is not helpful/,
  },
  'a claim that waits for its pod takes a free volume where it is': {
    objects: [claim('c', { storageClassName: 'local' }), storageClass('local'), volume('v', usableIn('w'))],
    wants: 'Bind p → w',
  },
  'a free volume that is too small': {
    objects: [claim('c', { storageClassName: 'local', size: '2Gi' }), storageClass('local'), volume('v')],
    wants: /2 node\(s\) didn't find available persistent volumes to bind/,
  },
  'a free volume with another access mode': {
    objects: [
      claim('c', { storageClassName: 'local', accessModes: ['ReadWriteMany'] }),
      storageClass('local'),
      volume('v'),
    ],
    wants: /2 node\(s\) didn't find available persistent volumes to bind/,
  },
  'a free volume that the claim does not select': {
    objects: [
      claim('c', { storageClassName: 'local', selector: { matchLabels: { tier: 'gold' } } }),
      storageClass('local'),
      volume('v'),
    ],
    wants: /2 node\(s\) didn't find available persistent volumes to bind/,
  },
  'a volume that belongs to another claim': {
    objects: [
      claim('c', { storageClassName: 'local' }),
      storageClass('local'),
      volume('v', { claimRef: { namespace: 'default', name: 'other' } }),
    ],
    wants: /2 node\(s\) didn't find available persistent volumes to bind/,
  },
  'no free volume, but a class that makes one anywhere': {
    objects: [claim('c', { storageClassName: 'cloud' }), cloud],
    wants: 'Bind p → e',
  },
  'a class that makes volumes in one zone only': {
    objects: [claim('c', { storageClassName: 'cloud' }), cloudWest],
    wants: 'Bind p → w',
  },
  'a claim that was told its node': { objects: [selected, cloud], wants: 'Bind p → w' },
  'a claim made for the pod alone is waited for': {
    pod: ephemeral,
    wants: /waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"/,
  },
  'a claim of that name that is not the pod’s own': {
    objects: [bound('p-scratch', 'v'), volume('v')],
    pod: ephemeral,
    wants: /PVC default\/p-scratch was not created for pod default\/p \(pod is not owner\)/,
  },
  'a claim of its own': { objects: [owned, volume('v')], pod: ephemeral, wants: 'Bind p → e' },
  'a pod without claims has no trouble with volumes': { pod: pod('p'), wants: 'Bind p → e' },
};

for (const [sentence, { objects = [], pod: wanted = mounting('p', 'c'), wants }] of Object.entries(CASES)) {
  test(`volumes: ${sentence}`, () => {
    const [outcome = ''] = new Story()
      .nodes(...zones())
      .tell(...objects.map(changed))
      .pods(wanted)
      .brief();
    if (typeof wants === 'string') assert.equal(outcome, wants);
    else assert.match(outcome, wants);
  });
}

test('volumes: a suspended pod goes where its volume can follow, though its memory lies elsewhere', () => {
  const outcome = (...objects: KubeObject[]): string[] => {
    const story = new Story().nodes(...zones()).tell(...objects.map(changed));
    const source = mounting('p', 'c').uid('before').on('e').build();
    story.checkpoints(checkpoint(source, 'saved').ready(0, { sizeBytes: 2 ** 30 }));
    return story.pods(mounting('p', 'c').restoreFrom('saved', 0)).brief();
  };
  assert.deepEqual(outcome(bound('c', 'v'), volume('v')), ['Bind p → e'], 'the node that holds its memory');
  assert.deepEqual(outcome(bound('c', 'v'), volume('v', usableIn('w'))), ['Bind p → w']);
  assert.match(outcome(bound('c', 'v'), volume('v', usableIn('north'))).join(), /didn't match PersistentVolume's node/);
});

const local = (...objects: KubeObject[]) =>
  new Story().nodes(...zones()).tell(changed(storageClass('local')), ...objects.map(changed));
const waits = (name: string, size?: string) =>
  claim(name, { storageClassName: 'local', ...(size === undefined ? {} : { size }) });

test('volumes: the smallest that fits is taken, and written to before the bind', () => {
  const story = local(waits('c', '2Gi'), volume('large', { size: '9Gi' }), volume('right', { size: '3Gi' }));
  const [decision] = story.pods(mounting('p', 'c')).decide();
  assert.equal(decision?.type, 'Bind');
  const steps = decision?.type === 'Bind' ? (decision.preBind ?? []) : [];
  assert.deepEqual(
    steps.map(({ type, name, patch, waitFor }) => [type.kind, name, patch, waitFor?.equals]),
    [
      [
        'PersistentVolume',
        'right',
        {
          metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
          spec: {
            claimRef: {
              apiVersion: 'v1',
              kind: 'PersistentVolumeClaim',
              namespace: 'default',
              name: 'c',
              uid: 'uid-c',
              resourceVersion: '1',
            },
          },
        },
        undefined,
      ],
      ['PersistentVolumeClaim', 'c', {}, 'Bound'],
    ],
  );
});

test('volumes: a claim to be provisioned is told its node, and waited for', () => {
  const story = new Story().nodes(...zones());
  story.tell(changed(cloudWest), changed(claim('c', { storageClassName: 'cloud' })));
  const [decision] = story.pods(mounting('p', 'c')).decide();
  const steps = decision?.type === 'Bind' ? (decision.preBind ?? []) : [];
  assert.deepEqual(
    steps.map(({ name, patch, waitFor }) => [name, patch, waitFor]),
    [
      [
        'c',
        { metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'w' } } },
        { field: 'status.phase', equals: 'Bound', timeoutMilliseconds: 600_000 },
      ],
    ],
  );
});

test('volumes: what one pod was promised the next does not get', () => {
  const story = local(waits('c'), waits('d'), volume('v', usableIn('w')));
  const [first, second = ''] = story.pods(mounting('p', 'c'), mounting('q', 'd')).brief();
  assert.equal(first, 'Bind p → w');
  assert.match(second, /didn't find available persistent volumes to bind/);
});

test('volumes: a bind that failed gives the volume back', () => {
  const story = local(waits('c'), waits('d'), volume('v'));
  assert.deepEqual(story.pods(mounting('p', 'c')).brief(), ['Bind p → e']);
  story.tell({ type: 'BindFailed', uid: 'uid-p', reason: 'refused' }, { type: 'PodDeleted', pod: pod('p').build() });
  assert.deepEqual(story.pods(mounting('q', 'd')).brief(), ['Bind q → e']);
});

test('volumes: two claims of a pod need two volumes of one node', () => {
  const story = local(waits('c'), waits('d'), volume('v', usableIn('e')), volume('u', usableIn('w')));
  const [outcome = ''] = story.pods(mounting('p', 'c', 'd')).brief();
  assert.match(outcome, /2 node\(s\) didn't find available persistent volumes to bind/);
  story.after(20_000).tell(changed(volume('x', usableIn('w'))));
  assert.deepEqual(story.brief(), ['Bind p → w']);
});

test('volumes: the pod comes back when its claim is there, not when another is', () => {
  const story = new Story().nodes(...zones()).tell(changed(volume('v')));
  assert.match(story.pods(mounting('p', 'c')).brief().join(), /not found/);
  assert.deepEqual(
    story
      .after(20_000)
      .tell(changed(bound('d', 'x')))
      .brief(),
    [],
  );
  assert.deepEqual(story.tell(changed(bound('c', 'v'))).brief(), ['Bind p → e']);
});

test('volumes: a volume that several terms let nodes use is found from each of them', () => {
  const usableAnywhere = {
    nodeAffinity: {
      required: {
        nodeSelectorTerms: ['n', 'w'].map((zone) => ({
          matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }],
        })),
      },
    },
  };
  assert.deepEqual(local(waits('c'), volume('v', usableAnywhere)).pods(mounting('p', 'c')).brief(), ['Bind p → w']);
});

test('volumes: a free volume that is gone, or taken by somebody else, is no longer offered', () => {
  const taken = volume('v', { claimRef: { namespace: 'default', name: 'other' } });
  const story = local(waits('c'), volume('v'), volume('u')).tell(changed(taken), {
    type: 'ObjectDeleted',
    object: volume('u'),
  });
  assert.match(story.pods(mounting('p', 'c')).brief().join(), /didn't find available persistent volumes to bind/);
});

const capacity = (name: string, bytes: string | undefined, zone: string | undefined, maximum?: string): KubeObject =>
  ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIStorageCapacity',
    metadata: { name, namespace: 'storage', uid: name, resourceVersion: '1', creationTimestamp: '' },
    storageClassName: 'cloud',
    ...(bytes === undefined ? {} : { capacity: bytes }),
    ...(maximum === undefined ? {} : { maximumVolumeSize: maximum }),
    ...(zone === undefined ? {} : { nodeTopology: { matchLabels: { zone } } }),
  }) as KubeObject;
const driver = (storageCapacity: boolean): KubeObject =>
  ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: 'disk.example', uid: 'd', resourceVersion: '1', creationTimestamp: '' },
    spec: { storageCapacity },
  }) as KubeObject;

const CAPACITY: Record<string, { objects: KubeObject[]; wants: string | RegExp }> = {
  'a driver that says nothing of capacity': { objects: [driver(false)], wants: 'Bind p → e' },
  'a driver that does, and has none': {
    objects: [driver(true)],
    wants: /2 node\(s\) did not have enough free storage/,
  },
  'room in one zone': { objects: [driver(true), capacity('a', '5Gi', 'w')], wants: 'Bind p → w' },
  'too little room': {
    objects: [driver(true), capacity('a', '1Gi', 'w')],
    wants: /2 node\(s\) did not have enough free storage/,
  },
  'room, but not for one volume of that size': {
    objects: [driver(true), capacity('a', '9Gi', 'w', '1Gi')],
    wants: /2 node\(s\) did not have enough free storage/,
  },
  'room that no node can reach': {
    objects: [driver(true), capacity('a', '9Gi', undefined)],
    wants: /2 node\(s\) did not have enough free storage/,
  },
};

for (const [sentence, { objects, wants }] of Object.entries(CAPACITY)) {
  test(`volumes: ${sentence}`, () => {
    const wanted = claim('c', { storageClassName: 'cloud', size: '2Gi' });
    const story = new Story().nodes(...zones()).tell(...[cloud, wanted, ...objects].map(changed));
    const [outcome = ''] = story.pods(mounting('p', 'c')).brief();
    if (typeof wants === 'string') assert.equal(outcome, wants);
    else assert.match(outcome, wants);
  });
}

test('volumes: the pod comes back when there is more room', () => {
  const objects = [
    cloud,
    driver(true),
    claim('c', { storageClassName: 'cloud', size: '2Gi' }),
    capacity('a', '1Gi', 'w'),
  ];
  const story = new Story().nodes(...zones()).tell(...objects.map(changed));
  assert.match(story.pods(mounting('p', 'c')).brief().join(), /did not have enough free storage/);
  assert.deepEqual(
    story
      .after(20_000)
      .tell(changed(capacity('a', '1Gi', 'w')))
      .brief(),
    [],
  );
  assert.deepEqual(story.tell(changed(capacity('a', '3Gi', 'w'))).brief(), ['Bind p → w']);
});
