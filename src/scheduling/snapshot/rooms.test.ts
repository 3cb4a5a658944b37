import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node, pod } from '../testing.ts';
import { Cluster } from './cluster.ts';
import { podInfo } from './pod-info.ts';

const cluster = new Cluster();
const put = (builder: ReturnType<typeof node>) => cluster.setNode(builder.build()).info;
const place = (name: string, where: string, cpu = '1') =>
  cluster.place(podInfo(pod(name).requests({ cpu }).build(), cluster.space, cluster.templates), where);

test('rooms: nodes that offer the same have one number, whatever else they are called', () => {
  const [one, other] = [put(node('a').allocatable({ cpu: '4' })), put(node('b').allocatable({ cpu: '4' }))];
  const empty = cluster.rooms.of(one);
  assert.equal(cluster.rooms.of(other), empty);
  place('p', 'a');
  assert.notEqual(cluster.rooms.of(one), empty);
  place('q', 'b');
  assert.equal(cluster.rooms.of(other), cluster.rooms.of(one));
  cluster.displace('uid-p');
  assert.equal(cluster.rooms.of(one), empty);
});

test('rooms: what the object of a node says tells it from others with the same pods', () => {
  const plain = cluster.rooms.of(put(node('c').allocatable({ cpu: '8' })));
  assert.notEqual(cluster.rooms.of(put(node('d').allocatable({ cpu: '16' }))), plain);
  const cordoned = put(node('c').allocatable({ cpu: '8' }).cordoned());
  assert.notEqual(cluster.rooms.of(cordoned), plain);
  assert.notEqual(
    cluster.rooms.of(put(node('c').allocatable({ cpu: '8' }).taints({ key: 'dedicated', effect: 'NoSchedule' }))),
    plain,
  );
  assert.equal(cluster.rooms.of(put(node('c').allocatable({ cpu: '8' }))), plain);
});
