import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';

export interface ConnectionEnds {
  localAddress: string;
  localPort: number;
  remoteAddress: string;
  remotePort: number;
}

export interface TcpConnection extends ConnectionEnds {
  /** Inode of the socket; 0: no process has it any more. */
  inode: number;
}

/** `TCP_ESTABLISHED` of the kernel's tcp_states.h. */
const ESTABLISHED: ReadonlySet<string> = new Set(['01']);
/** Those with a peer that may still say or hear something: also being opened, and closed by one side. */
const OPEN: ReadonlySet<string> = new Set(['01', '02', '03', '04', '05', '08']);

/** The established TCP connections in the network namespace of the process; of one that is gone, none. */
export function establishedConnections(pid: number): TcpConnection[] {
  return connectionsOf(pid, ESTABLISHED);
}

/** Those that are being opened, or closed by one side only, too. @param proc where `/proc` is */
export function openConnections(pid: number, proc = '/proc'): TcpConnection[] {
  return connectionsOf(pid, OPEN, proc);
}

function connectionsOf(pid: number, states: ReadonlySet<string>, proc = '/proc'): TcpConnection[] {
  return ['tcp', 'tcp6'].flatMap((table) => {
    try {
      return parseConnections(readFileSync(`${proc}/${pid}/net/${table}`, 'utf8'), states);
    } catch {
      return []; // no IPv6, or the process is gone
    }
  });
}

/** Pure: those of `/proc/PID/net/tcp` or `tcp6` in these states; IPv4 in IPv6 reads as IPv4. */
export function parseConnections(table: string, states = ESTABLISHED): TcpConnection[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', remote = '', state = '', , , , , , inode] = line.trim().split(/\s+/);
    if (!states.has(state)) return [];
    const [localAddress = '', localPort = ''] = local.split(':');
    const [remoteAddress = '', remotePort = ''] = remote.split(':');
    return [
      {
        localAddress: addressOf(localAddress),
        localPort: Number.parseInt(localPort, 16),
        remoteAddress: addressOf(remoteAddress),
        remotePort: Number.parseInt(remotePort, 16),
        inode: Number(inode),
      },
    ];
  });
}

/** Those that lead out of the pod: neither over loopback nor to the pod's own address, nor to one of `members`. */
export function leadingOut<Connection extends TcpConnection>(
  connections: readonly Connection[],
  members: readonly string[] = [],
): Connection[] {
  return connections.filter(
    ({ localAddress, remoteAddress }) =>
      remoteAddress !== localAddress && !isLoopback(remoteAddress) && !members.includes(remoteAddress),
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
