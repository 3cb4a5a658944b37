/** Lines CRIU logs as errors on every run here, or that only say that an error happened before. */
const HARMLESS = [
  /Can't setup RLIMIT_NOFILE/,
  /Address already assigned/,
  /Dumping FAILED/,
  /Restoring FAILED/,
  /exited, status=/,
  /Can't dump (?:file|task|mappings?|namespaces?)? ?.*failed\.?$/i,
  /No parasite|Killed by signal/,
  /Unable to wait|killed by signal/,
  /cr-service|service_fd/,
  /Unlinked .* is still/,
];

/**
 * CRIU's own reason, from its `dump.log` or `restore.log`: the first error that is not one of the harmless ones, with the
 * one after it where the first only names the step. Undefined when the log holds none.
 */
export function criuReason(log: string): string | undefined {
  const errors: string[] = [];
  for (const line of log.split('\n')) {
    const match = /Error \((?<source>[^)]+)\): (?<text>.+)$/.exec(line);
    const text = match?.groups?.text?.trim();
    if (text === undefined || HARMLESS.some((pattern) => pattern.test(text))) continue;
    const source = match?.groups?.source ?? '';
    const sentence = `${text} (${source})`;
    if (!errors.includes(sentence)) errors.push(sentence);
  }
  return errors.length === 0 ? undefined : errors.slice(0, 3).join('; ');
}

/** runc's last message from its JSON log or its text on stderr, without the path of the log it points to. */
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
