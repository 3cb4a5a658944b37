import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unusedChainCommands } from './netavark-chains.ts';

const SAVED = `*filter
:INPUT ACCEPT [0:0]
:NETAVARK_FORWARD - [0:0]
-A FORWARD -m comment --comment "netavark firewall plugin rules" -j NETAVARK_FORWARD
COMMIT
*nat
:NETAVARK-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT
COMMIT
`;

test('chains nobody uses go: the rules that lead to them first', () => {
  assert.deepEqual(unusedChainCommands(SAVED), [
    [
      '-t',
      'filter',
      '-D',
      'FORWARD',
      '-m',
      'comment',
      '--comment',
      'netavark firewall plugin rules',
      '-j',
      'NETAVARK_FORWARD',
    ],
    ['-t', 'nat', '-D', 'PREROUTING', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', 'NETAVARK-HOSTPORT-DNAT'],
    ['-t', 'filter', '-F', 'NETAVARK_FORWARD'],
    ['-t', 'nat', '-F', 'NETAVARK-HOSTPORT-DNAT'],
    ['-t', 'filter', '-X', 'NETAVARK_FORWARD'],
    ['-t', 'nat', '-X', 'NETAVARK-HOSTPORT-DNAT'],
  ]);
});

test('while a network of anyone is in use, nothing is touched', () => {
  assert.deepEqual(unusedChainCommands(`${SAVED}*nat\n:NETAVARK-1D8721804F16F - [0:0]\nCOMMIT\n`), []);
});
