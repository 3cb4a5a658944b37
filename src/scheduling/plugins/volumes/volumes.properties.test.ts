import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject, PersistentVolumeClaim } from '../../../model/index.ts';
import { Cluster } from '../../snapshot/cluster.ts';
import { podInfo } from '../../snapshot/pod-info.ts';
import { node } from '../../testing.ts';
import { AvailableVolumes } from './available-volumes.ts';
import { bound, claim, csi, csiNode, mounting, storageClass, usableIn, volume } from './testing-volumes.ts';
import { VolumeIndexes } from './volume-indexes.ts';

const NODES = ['n1', 'n2'];
const CLAIMS = ['a', 'b', 'c'];
const VOLUMES = ['v', 'w'];

const migratedNode = (name: string, migrates: boolean) => {
  const made = csiNode(name, 5, 'ebs.csi.aws.com');
  if (migrates) {
    made.metadata.annotations = { 'storage.alpha.kubernetes.io/migrated-plugins': 'kubernetes.io/aws-ebs' };
  }
  return made;
};

const name = fc.constantFrom(...CLAIMS);
const object: fc.Arbitrary<KubeObject> = fc.oneof(
  fc.tuple(name, fc.constantFrom(...VOLUMES)).map(([of, to]): KubeObject => bound(of, to)),
  name.map((of): KubeObject => claim(of, { storageClassName: 'cloud' })),
  fc.tuple(fc.constantFrom(...VOLUMES), fc.constantFrom('h1', 'h2')).map(([of, handle]) => volume(of, csi(handle))),
  fc.constantFrom(...VOLUMES).map((of) => volume(of, { awsElasticBlockStore: { volumeID: of } })),
  fc.constantFrom('disk.example', 'other.example').map((provisioner) => storageClass('cloud', { provisioner })),
  fc.tuple(fc.constantFrom(...NODES), fc.boolean()).map(([of, migrates]) => migratedNode(of, migrates)),
);
type Step =
  | { readonly put: KubeObject }
  | { readonly gone: KubeObject }
  | { readonly place: readonly string[]; readonly uid: string; readonly on: string }
  | { readonly displace: string };
const uid = fc.constantFrom('x', 'y', 'z');
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: object.map((put) => ({ put })) },
    { weight: 1, arbitrary: object.map((gone) => ({ gone })) },
    {
      weight: 4,
      arbitrary: fc.record({
        place: fc.uniqueArray(name, { maxLength: 2 }),
        uid,
        on: fc.constantFrom(...NODES),
      }),
    },
    { weight: 1, arbitrary: uid.map((displace) => ({ displace })) },
  ),
  { maxLength: 30 },
);

class Scene {
  readonly cluster = new Cluster();
  readonly indexes = new VolumeIndexes(this.cluster.objects);

  constructor() {
    for (const listener of this.indexes.listeners) this.cluster.follow(listener);
    for (const each of NODES) this.cluster.setNode(node(each).build());
  }

  apply(step: Step): void {
    if ('put' in step) this.cluster.putObject(step.put);
    else if ('gone' in step) this.cluster.deleteObject(step.gone);
    else if ('displace' in step) this.cluster.displace(step.displace);
    else {
      const built = mounting(step.uid, ...step.place).uid(step.uid);
      this.cluster.place(podInfo(built.build(), this.cluster.space), step.on);
    }
  }

  /** What each node has attached, by what is known of each claim of each of its pods now. */
  recomputed() {
    const { attached } = this.indexes;
    return this.cluster.nodes.map((info) => {
      const ids = new Set<string>();
      for (const pod of info.pods.values()) {
        for (const { persistentVolumeClaim } of pod.pod.spec.volumes ?? []) {
          const found = attached.volumeOf(`default/${persistentVolumeClaim?.claimName}`, info.name);
          if (found !== undefined) ids.add(`${found.driver} ${found.id}`);
        }
      }
      return [...ids].sort();
    });
  }

  kept() {
    return this.cluster.nodes.map(({ slot }) =>
      [...this.indexes.attached.on(slot)].flatMap(([driver, ids]) => [...ids].map((id) => `${driver} ${id}`)).sort(),
    );
  }
}

test('volumes: what is attached, kept up to date, equals what is worked out from the objects', () => {
  fc.assert(
    fc.property(steps, (happenings) => {
      const scene = new Scene();
      for (const step of happenings) {
        scene.apply(step);
        assert.deepEqual(scene.kept(), scene.recomputed());
        for (const of of CLAIMS) {
          const users = scene.cluster.nodes.flatMap(({ pods }) =>
            [...pods.values()].flatMap(({ pod }) => pod.spec.volumes ?? []),
          );
          const count = users.filter(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === of).length;
          assert.equal(scene.indexes.users.of(`default/${of}`), count);
        }
      }
    }),
    { numRuns: 200 },
  );
});

const offered = fc.record({
  name: fc.constantFrom('v', 'w', 'x'),
  size: fc.constantFrom('1Gi', '2Gi', '3Gi'),
  zone: fc.option(fc.constantFrom('e', 'w'), { nil: undefined }),
  taken: fc.boolean(),
  gone: fc.boolean(),
});

test('volumes: the smallest that fits is found though not all are looked at', () => {
  const wanted: PersistentVolumeClaim = claim('c', { storageClassName: 'local', size: '2Gi' });
  fc.assert(
    fc.property(fc.array(offered, { maxLength: 12 }), fc.constantFrom('e', 'w'), (offers, zone) => {
      const available = new AvailableVolumes();
      const there = new Map<string, (typeof offers)[number]>();
      for (const offer of offers) {
        const made = volume(offer.name, {
          size: offer.size,
          ...(offer.zone === undefined ? {} : usableIn(offer.zone)),
          ...(offer.taken ? { claimRef: { namespace: 'default', name: 'other' } } : {}),
        });
        if (offer.gone) available.objectDeleted(made);
        else available.objectChanged(made);
        there.delete(offer.name);
        if (!offer.gone && !offer.taken) there.set(offer.name, offer);
      }
      const cluster = new Cluster();
      const { info } = cluster.setNode(node('n').labels({ zone }).build());
      const fitting = [...there.values()].filter((each) => each.size >= '2Gi' && (each.zone ?? zone) === zone);
      const smallest = fitting.map(({ size }) => size).sort()[0];
      const found = available.smallestFor(wanted, info, new Set());
      assert.equal(found?.spec?.capacity?.storage, smallest);
    }),
    { numRuns: 300 },
  );
});
