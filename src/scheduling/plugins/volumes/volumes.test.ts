import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject, Volume } from '../../../model/index.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../testing.ts';
import { Story } from '../../testing-story.ts';
import { bound, changed, csi, csiNode, mounting, volume } from './testing-volumes.ts';

const told = (nodes: NodeBuilder[], objects: KubeObject[], ...pods: PodBuilder[]): Story =>
  new Story()
    .nodes(...nodes)
    .tell(...objects.map(changed))
    .pods(...pods);

describe('disks', () => {
  const DISK = /1 node\(s\) had no available disk/;
  const holding = (name: string, source: Partial<Volume>) => pod(name).spec({ volumes: [{ name: 'v', ...source }] });
  const gce = (readOnly: boolean) => ({ gcePersistentDisk: { pdName: 'd', readOnly } });
  const ebs = (readOnly: boolean) => ({ awsElasticBlockStore: { volumeID: 'd', readOnly } });
  const iscsi = (iqn: string, readOnly = false) => ({ iscsi: { iqn, lun: 0, targetPortal: 'x', readOnly } });
  const rbd = (monitors: string[], image: string, readOnly = false) => ({ rbd: { monitors, image, readOnly } });

  const cases: Record<string, { placed: Partial<Volume>; pod: Partial<Volume>; conflicts: boolean }> = {
    'a GCE disk twice': { placed: gce(false), pod: gce(true), conflicts: true },
    'a GCE disk twice, read-only both': { placed: gce(true), pod: gce(true), conflicts: false },
    'an EBS volume twice, though read-only': { placed: ebs(true), pod: ebs(true), conflicts: true },
    'an iSCSI target twice': { placed: iscsi('a'), pod: iscsi('a'), conflicts: true },
    'an iSCSI target twice, read-only both': { placed: iscsi('a', true), pod: iscsi('a', true), conflicts: false },
    'two iSCSI targets': { placed: iscsi('a'), pod: iscsi('b'), conflicts: false },
    'an RBD image by a shared monitor': { placed: rbd(['m', 'n'], 'i'), pod: rbd(['n'], 'i'), conflicts: true },
    'an RBD image of other monitors': { placed: rbd(['m'], 'i'), pod: rbd(['n'], 'i'), conflicts: false },
    'two RBD images': { placed: rbd(['m'], 'i'), pod: rbd(['m'], 'j'), conflicts: false },
    'an RBD image, read-only both': { placed: rbd(['m'], 'i', true), pod: rbd(['m'], 'i', true), conflicts: false },
    'a disk and a target': { placed: gce(false), pod: iscsi('d'), conflicts: false },
  };
  for (const [sentence, { placed, pod: wanted, conflicts }] of Object.entries(cases)) {
    test(`disks: ${sentence}`, () => {
      const [outcome = ''] = told([node('n')], [], holding('a', placed).on('n'), holding('p', wanted)).brief();
      if (conflicts) assert.match(outcome, DISK);
      else assert.equal(outcome, 'Bind p → n');
    });
  }

  test('disks: the pod comes back when the disk is free', () => {
    const story = told([node('n')], [], holding('a', gce(false)).on('n'), holding('p', gce(false)));
    assert.match(story.brief().join(), DISK);
    assert.deepEqual(
      story
        .after(20_000)
        .gone(holding('a', gce(false)).on('n'))
        .brief(),
      ['Bind p → n'],
    );
  });
});

describe('ReadWriteOncePod', () => {
  const objects = [bound('c', 'v', { accessModes: ['ReadWriteOncePod'] }), volume('v')];
  const IN_USE = /2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode/;
  const two = () => [node('m'), node('n')];

  test('ReadWriteOncePod: nobody else may use the claim, on whatever node', () => {
    assert.match(told(two(), objects, mounting('a', 'c').on('n'), mounting('p', 'c')).brief().join(), IN_USE);
  });

  test('ReadWriteOncePod: the first may', () => {
    assert.deepEqual(told(two(), objects, mounting('p', 'c')).brief(), ['Bind p → m']);
  });

  test('ReadWriteOncePod: a claim of the same name elsewhere is another', () => {
    const other = mounting('a', 'c').namespace('other').on('n');
    assert.deepEqual(told(two(), objects, other, mounting('p', 'c')).brief(), ['Bind p → m']);
  });

  test('ReadWriteOncePod: preemption takes the user of the claim, on its node', () => {
    const wanted = mounting('p', 'c').priority(9).preemption('CheckpointLowerPriority');
    const story = told(two(), objects, mounting('a', 'c').on('n'), wanted);
    assert.deepEqual(story.brief(), ['Interrupt Checkpoint a for p → n']);
  });

  test('ReadWriteOncePod: a trial elsewhere helps nobody, and the pod comes back when the user goes', () => {
    const story = told(two(), objects, mounting('a', 'c').on('n'), mounting('p', 'c'));
    assert.match(story.brief().join(), IN_USE);
    assert.deepEqual(story.after(20_000).gone(mounting('a', 'c').on('n')).brief(), ['Bind p → m']);
  });
});

describe('volume zone', () => {
  const ZONE = 'topology.kubernetes.io/zone';
  const BETA = 'failure-domain.beta.kubernetes.io/zone';
  const in2 = (label: string) => [node('e').labels({ [label]: 'e' }), node('w').labels({ [label]: 'w' })];
  const labelled = (labels: Record<string, string>) => [bound('c', 'v'), volume('v', { labels })];

  const cases: Record<string, { nodes: NodeBuilder[]; labels: Record<string, string>; wants: string | RegExp }> = {
    'the node of the zone': { nodes: in2(ZONE), labels: { [ZONE]: 'w' }, wants: 'Bind p → w' },
    'one of several zones': { nodes: in2(ZONE), labels: { [ZONE]: 'x__w' }, wants: 'Bind p → w' },
    'a zone where no node is': {
      nodes: in2(ZONE),
      labels: { [ZONE]: 'x' },
      wants: /2 node\(s\) had no available volume zone/,
    },
    'the beta label of a volume and the general one of a node': {
      nodes: in2(ZONE),
      labels: { [BETA]: 'w' },
      wants: 'Bind p → w',
    },
    'the beta label of both': { nodes: in2(BETA), labels: { [BETA]: 'w' }, wants: 'Bind p → w' },
    'nodes without zones are in the only one': { nodes: [node('n')], labels: { [ZONE]: 'w' }, wants: 'Bind p → n' },
    'a label that names an empty zone is ignored': { nodes: in2(ZONE), labels: { [ZONE]: 'x__' }, wants: 'Bind p → e' },
  };
  for (const [sentence, { nodes, labels, wants }] of Object.entries(cases)) {
    test(`volume zone: ${sentence}`, () => {
      const [outcome = ''] = told(nodes, labelled(labels), mounting('p', 'c')).brief();
      if (typeof wants === 'string') assert.equal(outcome, wants);
      else assert.match(outcome, wants);
    });
  }
});

describe('volume limits', () => {
  const EXCEEDED = /1 node\(s\) exceed max volume count/;
  const disks = (...names: string[]) =>
    names.flatMap((name) => [bound(name, `v-${name}`), volume(`v-${name}`, csi(name))]);

  test('volume limits: as many as the driver can attach, and no more', () => {
    const objects = [csiNode('n', 1), ...disks('a', 'b')];
    const story = told([node('n')], objects, mounting('p', 'a'), mounting('q', 'b'));
    const [first, second = ''] = story.brief();
    assert.equal(first, 'Bind p → n');
    assert.match(second, EXCEEDED);
  });

  test('volume limits: a volume that is attached already is not attached twice', () => {
    const objects = [csiNode('n', 1), ...disks('a')];
    assert.deepEqual(told([node('n')], objects, mounting('x', 'a').on('n'), mounting('p', 'a')).brief(), [
      'Bind p → n',
    ]);
  });

  test('volume limits: two claims of one volume are one', () => {
    const objects = [csiNode('n', 1), bound('a', 'v'), bound('b', 'v'), volume('v', csi('h'))];
    assert.deepEqual(told([node('n')], objects, mounting('p', 'a', 'b')).brief(), ['Bind p → n']);
  });

  test('volume limits: no limit, no CSINode, or another driver', () => {
    const none = { ...csiNode('n', 0), spec: { drivers: null as unknown as [] } };
    for (const objects of [[csiNode('n', undefined)], [], [none], [none, none], [csiNode('n', 0, 'other.example')]]) {
      assert.deepEqual(told([node('n')], [...objects, ...disks('a')], mounting('p', 'a')).brief(), ['Bind p → n']);
    }
  });

  test('volume limits: volumes of in-tree plugins count where CSI attaches them', () => {
    const migrated = csiNode('n', 0, 'ebs.csi.aws.com');
    const objects = [bound('a', 'v'), volume('v', { awsElasticBlockStore: { volumeID: 'x' } })];
    assert.deepEqual(told([node('n')], [migrated, ...objects], mounting('p', 'a')).brief(), ['Bind p → n']);
    migrated.metadata.annotations = { 'storage.alpha.kubernetes.io/migrated-plugins': 'kubernetes.io/aws-ebs' };
    assert.match(
      told([node('n')], [migrated, ...objects], mounting('p', 'a'))
        .brief()
        .join(),
      EXCEEDED,
    );
  });

  test('volume limits: what became of a claim after its pod was placed counts', () => {
    const objects = [csiNode('n', 1), ...disks('b')];
    const story = told([node('n')], objects, mounting('x', 'a').on('n'));
    story.tell(...disks('a').map(changed)).pods(mounting('p', 'b'));
    assert.match(story.brief().join(), EXCEEDED);
  });

  test('volume limits: preemption takes a pod whose volume makes room', () => {
    const objects = [csiNode('n', 1), ...disks('a', 'b')];
    const wanted = mounting('p', 'b').priority(9).preemption('CheckpointLowerPriority');
    const story = told([node('n')], objects, mounting('x', 'a').on('n'), pod('y').on('n'), wanted);
    assert.deepEqual(story.brief(), ['Interrupt Checkpoint x for p → n']);
  });

  test('volume limits: the pod comes back when the driver can attach more', () => {
    const story = told([node('n')], [csiNode('n', 0), ...disks('a')], mounting('p', 'a'));
    assert.match(story.brief().join(), EXCEEDED);
    assert.deepEqual(
      story
        .after(20_000)
        .tell(changed(csiNode('n', 0)))
        .brief(),
      [],
    );
    assert.deepEqual(story.tell(changed(csiNode('n', 1))).brief(), ['Bind p → n']);
  });
});

test('resource claims are refused with the reason', () => {
  const claiming = pod('p').spec({ resourceClaims: [{ name: 'gpu' }] } as never);
  assert.match(
    told([node('n')], [], claiming)
      .brief()
      .join(),
    /resource claims \(gpu\) are not supported/,
  );
});
