import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FermataError } from '../model/index.ts';
import type { OutsideConnections } from './runtime.ts';
import { type ConnectionEnds, leadingOut, openConnections, type TcpConnection } from './tcp-connections.ts';

/** A connection, and a process that has it. */
export interface HeldConnection extends TcpConnection {
  pid: number;
  /** The process's name. */
  command: string;
}

export const REFUSED_BY_POLICY = 'its policy is not to be checkpointed with such';
/** Connections in one reason: it is read in a condition. */
const SHOWN = 3;

/** What these processes have open to others than `members` and themselves. @param proc where `/proc` is */
export function outsideConnections(
  pids: readonly number[],
  members: readonly string[],
  proc = '/proc',
): HeldConnection[] {
  const tables = new Map<string, Map<number, TcpConnection>>();
  return pids.flatMap((pid) => {
    const space = linkOf(join(proc, String(pid), 'ns/net')) ?? '';
    let table = tables.get(space);
    if (table === undefined) {
      const outside = leadingOut(openConnections(pid, proc), members);
      table = new Map(outside.map((connection) => [connection.inode, connection]));
      tables.set(space, table);
    }
    if (table.size === 0) return [];
    const command = readIfThere(join(proc, String(pid), 'comm'))?.trim() ?? '';
    return socketsOf(pid, proc).flatMap((inode) => {
      const connection = table.get(inode);
      return connection === undefined ? [] : [{ ...connection, pid, command }];
    });
  });
}

/** Throws FermataError `ConnectionsOutside` where the policy is to refuse and there are some. `pod`: namespace/name. */
export function refuseOutside(pod: string, pids: readonly number[], outside: OutsideConnections | undefined): void {
  if (outside?.policy !== 'Refuse') return;
  const found = outsideConnections(pids, outside.members);
  if (found.length > 0) throw connectionsOutside(pod, found, REFUSED_BY_POLICY);
}

/** FermataError `ConnectionsOutside`. */
export function connectionsOutside(pod: string, found: readonly HeldConnection[], why: string): FermataError {
  const named = found.slice(0, SHOWN).map(({ pid, command, ...ends }) => {
    return `${command} (process ${pid}) from ${endsOf(ends).join(' to ')}`;
  });
  const more = found.length > SHOWN ? [`${found.length - SHOWN} more`] : [];
  const list = [...named, ...more].join(', ');
  return new FermataError('ConnectionsOutside', `pod ${pod} has connections to the outside, and ${why}: ${list}`, {
    nextStep: 'close them, or set outsideConnections of its InterruptionPolicy to Keep or Close',
  });
}

/** Local and remote, as `address:port`. */
export function endsOf(connection: ConnectionEnds): [local: string, remote: string] {
  const { localAddress, localPort, remoteAddress, remotePort } = connection;
  return [`${bracketed(localAddress)}:${localPort}`, `${bracketed(remoteAddress)}:${remotePort}`];
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Inodes of the sockets the process has open, each once. */
function socketsOf(pid: number, proc: string): number[] {
  const folder = join(proc, String(pid), 'fd');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return []; // it has ended
  }
  const inodes = names.flatMap((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(join(folder, name)) ?? '')?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
  return [...new Set(inodes)];
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed, or ended, meanwhile
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // ended meanwhile
  }
}
