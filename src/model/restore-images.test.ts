import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodCheckpoint } from './podcheckpoint.ts';
import { IMAGES_ANNOTATION, originalImages, withRestoreImages } from './restore-images.ts';

function checkpoint(restoreImages: Record<string, string | undefined>): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { name: 'c', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { sourcePod: { name: 'p' } },
    status: {
      checkpointedContainers: Object.entries(restoreImages).map(([name, restoreImage]) => ({
        name,
        ...(restoreImage !== undefined && { restoreImage }),
      })),
    },
  };
}

const POD = {
  metadata: { annotations: { mine: 'kept' } },
  spec: {
    initContainers: [
      { name: 'init', image: 'i' },
      { name: 'sidecar', image: 's', restartPolicy: 'Always' },
    ],
    containers: [
      { name: 'main', image: 'm', imagePullPolicy: 'IfNotPresent' as const },
      { name: 'side', image: 'x' },
    ],
  },
};

test('a checkpoint that names no images leaves the pod as it is', () => {
  assert.equal(withRestoreImages(POD, checkpoint({ main: undefined })), POD);
});

test('containers of the checkpoint get its images, pulled each time; what ran before the dump does not run again', () => {
  const { metadata, spec } = withRestoreImages(
    POD,
    checkpoint({ main: 'r/main', side: 'r/side', sidecar: 'r/sidecar' }),
  );
  assert.deepEqual(
    spec.containers.map(({ image, imagePullPolicy }) => [image, imagePullPolicy]),
    [
      ['r/main', 'Always'],
      ['r/side', 'Always'],
    ],
  );
  assert.deepEqual(
    spec.initContainers?.map(({ name, image }) => [name, image]),
    [['sidecar', 'r/sidecar']],
  );
  assert.equal(metadata.annotations?.mine, 'kept');
});

test('the images before are remembered over any number of restores', () => {
  const once = withRestoreImages(POD, checkpoint({ main: 'r/1' }));
  const twice = withRestoreImages(once, checkpoint({ main: 'r/2' }));
  assert.equal(twice.spec.containers[0]?.image, 'r/2');
  assert.deepEqual(originalImages(twice), { main: { image: 'm', imagePullPolicy: 'IfNotPresent' } });
});

test('an annotation that is none of ours is nothing to go by', () => {
  for (const text of ['', 'null', '7', '{']) {
    assert.deepEqual(originalImages({ metadata: { annotations: { [IMAGES_ANNOTATION]: text } }, spec: POD.spec }), {});
  }
});
