import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leadingOut, parseConnections } from './tcp-connections.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1\n`;

test('established connections are read as the kernel prints them, those that listen or close are not', () => {
  const table = [
    row('0100007F:1F90', '00000000:0000', '0A'),
    row('024DE70A:A000', '034DE70A:01BB', '01'),
    row('024DE70A:A001', '034DE70A:01BB', '06'),
  ];
  assert.deepEqual(parseConnections(HEAD + table.join('')), [
    { localAddress: '10.231.77.2', localPort: 40960, remoteAddress: '10.231.77.3', remotePort: 443, inode: 1 },
  ]);
});

test('IPv6 and IPv4 in IPv6 are read', () => {
  const table = [
    row('0000000000000000FFFF0000024DE70A:1F90', '0000000000000000FFFF0000034DE70A:1F90', '01'),
    row('B80D0120000000000000000001000000:0050', 'B80D0120000000000000000002000000:0051', '01'),
  ];
  assert.deepEqual(
    parseConnections(HEAD + table.join('')).map(({ remoteAddress, remotePort }) => [remoteAddress, remotePort]),
    [
      ['10.231.77.3', 8080],
      ['2001:db8:0:0:0:0:0:2', 81],
    ],
  );
});

test('what leads out of the pod is neither loopback nor the pod itself', () => {
  const table = [
    row('0100007F:1F90', '0100007F:A000', '01'),
    row('00000000000000000000000001000000:1F90', '00000000000000000000000001000000:A000', '01'),
    row('024DE70A:A000', '024DE70A:01BB', '01'),
    row('024DE70A:A000', '034DE70A:01BB', '01'),
  ];
  assert.deepEqual(
    leadingOut(parseConnections(HEAD + table.join(''))).map(({ remoteAddress }) => remoteAddress),
    ['10.231.77.3'],
  );
});
