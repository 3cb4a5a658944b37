import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';

export interface TcpConnection {
  localAddress: string;
  remoteAddress: string;
  remotePort: number;
}

const ESTABLISHED = '01';

/** The established TCP connections in the network namespace of the process; of one that is gone, none. */
export function establishedConnections(pid: number): TcpConnection[] {
  return ['tcp', 'tcp6'].flatMap((table) => {
    try {
      return parseConnections(readFileSync(`/proc/${pid}/net/${table}`, 'utf8'));
    } catch {
      return []; // no IPv6, or the process is gone
    }
  });
}

/** Pure: the established ones of `/proc/PID/net/tcp` or `tcp6`; IPv4 in IPv6 reads as IPv4. */
export function parseConnections(table: string): TcpConnection[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED) return [];
    const [address = '', port = ''] = remote.split(':');
    return [
      {
        localAddress: addressOf(local.split(':')[0] ?? ''),
        remoteAddress: addressOf(address),
        remotePort: Number.parseInt(port, 16),
      },
    ];
  });
}

/** Those that lead out of the pod: neither over loopback nor to the pod's own address. */
export function leadingOut(connections: readonly TcpConnection[]): TcpConnection[] {
  return connections.filter(
    ({ localAddress, remoteAddress }) => remoteAddress !== localAddress && !isLoopback(remoteAddress),
  );
}

function isLoopback(address: string): boolean {
  return (isIPv4(address) && address.startsWith('127.')) || address === '::1';
}

/** The kernel prints words of 32 bits in the machine's order, which is little-endian wherever CRIU runs but s390x. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
  if (numbers.length === 4) return numbers.join('.');
  const isMapped = numbers.slice(0, 10).every((byte) => byte === 0) && numbers[10] === 255 && numbers[11] === 255;
  if (isMapped) return numbers.slice(12).join('.');
  const isOne = numbers.slice(0, 15).every((byte) => byte === 0) && numbers[15] === 1;
  if (isOne) return '::1';
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((numbers[2 * index] ?? 0) << 8) | (numbers[2 * index + 1] ?? 0)).toString(16),
  );
  return groups.join(':');
}
