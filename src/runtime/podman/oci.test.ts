import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adaptConfiguration, type OciConfiguration } from './oci.ts';

const OLD = 'a'.repeat(64);
const NEW = 'b'.repeat(64);
const OLD_INFRA = 'c'.repeat(64);
const NEW_INFRA = 'd'.repeat(64);

const DUMPED: OciConfiguration = {
  process: { env: ['A=b', 'HOSTNAME=old'], args: ['perl'] },
  hostname: 'old',
  root: { path: '/store/overlay/old-layer/merged' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/work', type: 'bind', source: '/old/volume', options: ['rbind'] },
    { destination: '/etc/hosts', type: 'bind', source: `/run/${OLD_INFRA}/hosts` },
    { destination: '/run/.containerenv', type: 'bind', source: `/run/${OLD}/.containerenv` },
  ],
  linux: {
    cgroupsPath: `/fermata/node-1/libpod-${OLD}`,
    namespaces: [
      { type: 'pid' },
      { type: 'network', path: '/proc/77/ns/net' },
      { type: 'uts', path: '/proc/77/ns/uts' },
    ],
    maskedPaths: ['/proc/acpi'],
  },
};

const adapted = adaptConfiguration(DUMPED, {
  ids: { [OLD]: NEW, [OLD_INFRA]: NEW_INFRA },
  rootPath: '/store/overlay/new-layer/merged',
  cgroupsPath: `/fermata/node-2/libpod-${NEW}`,
  sources: { '/work': '/new/volume' },
  infraPid: 99,
});

test('places outside the container become those of the new one', () => {
  assert.equal(adapted.root.path, '/store/overlay/new-layer/merged');
  assert.equal(adapted.linux.cgroupsPath, `/fermata/node-2/libpod-${NEW}`);
  assert.deepEqual(
    adapted.mounts.map(({ source }) => source),
    ['proc', '/new/volume', `/run/${NEW_INFRA}/hosts`, `/run/${NEW}/.containerenv`],
  );
  assert.deepEqual(adapted.linux.namespaces, [
    { type: 'pid' },
    { type: 'network', path: '/proc/99/ns/net' },
    { type: 'uts', path: '/proc/99/ns/uts' },
  ]);
});

test('what the processes know stays as it was', () => {
  assert.deepEqual(
    [adapted.process, adapted.hostname, adapted.linux.maskedPaths],
    [DUMPED.process, 'old', ['/proc/acpi']],
  );
  assert.equal(DUMPED.root.path, '/store/overlay/old-layer/merged');
});
