/** Lines CRIU logs as errors on every run on some machines, or that only say that an error happened before. */
const HARMLESS = [
  /Can't setup RLIMIT_NOFILE/,
  /Address already assigned/,
  /exited, status=/,
  /Dumping FAILED|Restoring FAILED/,
  /failed with -?\d+$/,
  /Message reply from daemon is trimmed/,
];

/** What an error of CRIU means for whoever runs the workload, where its own words do not say. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /send_fds failed \(-22\)|Unsupported.*io_uring/,
    'the process has a file that cannot be dumped, such as an io_uring; Node.js and libuv open none with UV_USE_IO_URING=0',
  ],
  [
    /Can't get 1:16 opt: Operation not supported/,
    'CRIU before 4.2 cannot dump TCP or UDP sockets on Linux 6.16 and newer; install a newer CRIU',
  ],
  [/Can't get rlimit \d+: Operation not permitted/, 'to dump a process of another user CRIU needs CAP_SYS_RESOURCE'],
  [/Can't lookup mount=.* for fd=/, 'the process has a file open that lies outside the container'],
  [/Connected TCP socket|TCP_ESTABLISHED/, 'an established TCP connection leads out of the pod'],
];

/**
 * CRIU's own reason, from its `dump.log` or `restore.log`: the first error that is not one of the harmless ones, since those
 * behind it are its consequences. Undefined when the log holds none.
 */
export function criuReason(log: string): string | undefined {
  for (const match of log.matchAll(/Error \((?<source>[^)]+)\): (?<text>.+)$/gm)) {
    const { source = '', text = '' } = match.groups ?? {};
    if (HARMLESS.some((pattern) => pattern.test(text.trim()))) continue;
    const meaning = MEANINGS.find(([pattern]) => pattern.test(text))?.[1];
    return `CRIU: ${text.trim()} (${source})${meaning === undefined ? '' : `: ${meaning}`}`;
  }
  return undefined;
}

/** runc's last message, from its log or its text on stderr, without the path of the log it points to. */
export function runcReason(output: string): string | undefined {
  const messages = output.split('\n').flatMap((line) => {
    const text = line.trim();
    if (text === '') return [];
    const inner = /msg="(?<message>(?:[^"\\]|\\.)*)"/.exec(text)?.groups?.message;
    return [
      (inner ?? text)
        .replaceAll('\\n', ' ')
        .replaceAll('\\"', '"')
        .replace(/ ?log file: \S+/, ''),
    ];
  });
  return messages.at(-1);
}
