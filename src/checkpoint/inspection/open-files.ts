import type { Fields } from './image-files.ts';

export interface OpenFile {
  descriptor: number;
  kind: string;
  /** A path, the two ends of a connection, the number of a pipe. */
  name: string;
}

/** `fd_types` of CRIU's images/fdinfo.proto, in its words. */
const KINDS: Readonly<Record<number, string>> = {
  1: 'REG',
  2: 'PIPE',
  3: 'FIFO',
  4: 'INETSK',
  5: 'UNIXSK',
  6: 'EVENTFD',
  7: 'EVENTPOLL',
  8: 'INOTIFY',
  9: 'SIGNALFD',
  10: 'PACKETSK',
  11: 'TTY',
  12: 'FANOTIFY',
  13: 'NETLINKSK',
  14: 'NS',
  15: 'TUNF',
  16: 'EXT',
  17: 'TIMERFD',
  18: 'MEMFD',
  19: 'BPFMAP',
  20: 'PIDFD',
};
const FAMILY_INET6 = 10;
const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 136: 'UDPLITE' };
/** Of TCP, as the kernel numbers them (include/net/tcp_states.h). */
const STATES = [
  '',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
];

/** `files`: of `files.img` (`file_entry`), by id. `descriptors`: of a `fdinfo-N.img`. */
export function openFiles(files: ReadonlyMap<number, Fields>, descriptors: readonly Fields[]): OpenFile[] {
  return descriptors
    .map((entry) => {
      const file = files.get(entry.number(1) ?? -1);
      const type = entry.number(3) ?? 0;
      return { descriptor: entry.number(4) ?? -1, kind: KINDS[type] ?? `TYPE ${type}`, name: nameOf(file) };
    })
    .sort((one, other) => one.descriptor - other.descriptor);
}

/** The path of a regular file; undefined for other kinds. */
export function pathOf(file: Fields | undefined): string | undefined {
  return file?.message(3)?.text(6);
}

function nameOf(file: Fields | undefined): string {
  if (file === undefined) return '';
  const path = pathOf(file);
  if (path !== undefined) return path;
  const inet = file.message(4);
  if (inet !== undefined) return inetName(inet);
  const unix = file.message(16);
  if (unix !== undefined) return unix.text(11)?.replace(/^\0/, '@') || `socket:[${unix.number(2) ?? 0}]`;
  const pipe = file.message(18)?.number(2) ?? file.message(17)?.number(2);
  if (pipe !== undefined) return `pipe:[${pipe}]`;
  return file.message(20)?.text(1) ?? '';
}

function inetName(socket: Fields): string {
  const end = (port: number, address: number): string =>
    `${addressOf(socket.number(3) ?? 0, socket.numbers(address))}:${socket.number(port) ?? 0}`;
  const protocol = PROTOCOLS[socket.number(5) ?? 0] ?? `protocol ${socket.number(5)}`;
  const state = protocol === 'TCP' ? ` ${STATES[socket.number(6) ?? 0] ?? ''}` : '';
  const peer = (socket.number(8) ?? 0) === 0 ? '' : ` -> ${end(8, 12)}`;
  return `${protocol}${state} ${end(7, 11)}${peer}`;
}

/** CRIU keeps addresses as words in the order of the network, read on a little-endian machine. */
function addressOf(family: number, words: readonly number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => {
    bytes.writeUInt32LE(word, index * 4);
  });
  if (family !== FAMILY_INET6) return [...bytes.subarray(0, 4)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    index * 2 + 2 <= bytes.length ? bytes.readUInt16BE(index * 2).toString(16) : '0',
  );
  return `[${groups.join(':')}]`;
}
