import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FermataError } from '../model/index.ts';
import { connectionsOutside, outsideConnections, REFUSED_BY_POLICY } from './outside-connections.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const row = (remote: string, state: string, inode: number): string =>
  `   0: 024DE70A:A000 ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4 30 10 -1\n`;

let proc = '';

/** Processes 10 and 11 share a network namespace, 12 has another one in which inode 101 is something else's. */
before(() => {
  proc = mkdtempSync(join(tmpdir(), 'fermata-proc-'));
  const shared = [row('034DE70A:01BB', '01', 101), row('044DE70A:0050', '08', 102), row('054DE70A:0050', '06', 103)];
  const table = HEAD + shared.join('') + row('064DE70A:0050', '01', 104);
  process_(10, { space: 1, command: 'server', sockets: [101, 101, 103], table });
  process_(11, { space: 1, command: 'worker', sockets: [102], table });
  process_(12, { space: 2, command: 'other', sockets: [101], table: HEAD });
});
after(() => rmSync(proc, { recursive: true }));

function process_(pid: number, facts: { space: number; command: string; sockets: number[]; table: string }): void {
  const folder = join(proc, String(pid));
  for (const each of ['ns', 'fd', 'net']) mkdirSync(join(folder, each), { recursive: true });
  symlinkSync(`net:[${facts.space}]`, join(folder, 'ns/net'));
  for (const [fd, inode] of facts.sockets.entries()) symlinkSync(`socket:[${inode}]`, join(folder, 'fd', String(fd)));
  symlinkSync('/dev/null', join(folder, 'fd/9'));
  writeFileSync(join(folder, 'net/tcp'), facts.table);
  writeFileSync(join(folder, 'comm'), `${facts.command}\n`);
}

test('connections of these processes are found with who has them, those nobody has or that are over are not', () => {
  const found = outsideConnections([10, 11, 12, 13], [], proc);
  assert.deepEqual(
    found.map(({ pid, command, remoteAddress, remotePort }) => [pid, command, remoteAddress, remotePort]),
    [
      [10, 'server', '10.231.77.3', 443],
      [11, 'worker', '10.231.77.4', 80],
    ],
  );
});

test('connections to members are none to the outside', () => {
  assert.deepEqual(
    outsideConnections([10, 11], ['10.231.77.3'], proc).map(({ pid }) => pid),
    [11],
  );
});

test('the refusal names the first of them: process, local and remote address', () => {
  const [connection] = outsideConnections([10], [], proc);
  assert.ok(connection);
  const error = connectionsOutside('lab/p', Array(5).fill(connection), REFUSED_BY_POLICY);
  assert.ok(error instanceof FermataError && error.code === 'ConnectionsOutside');
  const one = 'server (process 10) from 10.231.77.2:40960 to 10.231.77.3:443';
  assert.match(
    error.message,
    new RegExp(`^pod lab/p has .*: ${[one, one, one, '2 more'].join(', ').replace(/[()]/g, '\\$&')}$`),
  );
});
