import { parseArgs } from 'node:util';
import { CheckpointArchive, DirectoryStore, readKeyFolder } from '../src/checkpoint/index.ts';
import { SystemClock } from '../src/clock/index.ts';

/** One step of `bench/archive.ts`, in a process of its own: what it took is printed as JSON. */
export interface StepResult {
  seconds: number;
  /** Of all threads, without the start of the process: what counts on a machine that others use. */
  processorSeconds: number;
  /** Largest resident memory of the process. */
  peakMebibytes: number;
  sentBytes: number | undefined;
}

if (import.meta.main) {
  const text = { type: 'string', default: '' } as const;
  const { values } = parseArgs({
    options: {
      do: text,
      keys: text,
      store: text,
      kind: text,
      recipients: text,
      archive: text,
      directory: text,
      'based-on': text,
      earlier: text,
    },
  });
  const clock = new SystemClock();
  const keys = await readKeyFolder(values.keys, values.kind === 'encrypted' ? [values.recipients] : []);
  const archive = new CheckpointArchive({ store: new DirectoryStore({ clock }, values.store), clock, keys });
  const { signal } = new AbortController();
  const request = { tenant: 'bench', archive: values.archive, directory: values.directory, signal };
  const began = performance.now();
  const processor = process.cpuUsage();
  let sentBytes: number | undefined;
  if (values.do === 'upload') {
    const basedOn = values['based-on'] === '' ? [] : [values['based-on']];
    const createdAt = '2026-01-01T00:00:00Z';
    const directoryOf = (): string | undefined => values.earlier || undefined;
    const compress = values.kind !== 'plain';
    ({ sentBytes } = await archive.upload({ ...request, createdAt, basedOn, directoryOf, compress }));
  } else {
    await archive.download(request);
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const processorSeconds = (user + system) / 1e6;
  const peakMebibytes = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(JSON.stringify({ seconds, processorSeconds, peakMebibytes, sentBytes } satisfies StepResult));
}
