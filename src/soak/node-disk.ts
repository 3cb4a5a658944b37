import type { CheckpointFiles, MemoryFiles } from '../checkpoint/index.ts';
import { flipBit } from './decay.ts';
import type { FaultStream } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';
import type { Recorder } from './recorder.ts';
import type { WorldAlarms } from './world-alarms.ts';

/** Mean time from writing a file to the flip of a bit in it, ms. */
const ROT_MILLISECONDS = 1_800_000;

/** The disk of one node as its processes see it: it can be full, and what lies on it can rot. */
export function nodeDisk(parts: {
  node: string;
  files: MemoryFiles;
  stream: FaultStream;
  rates: FaultRates['disk'];
  recorder: Recorder;
  alarms: WorldAlarms;
}): CheckpointFiles {
  const { node, files, stream, rates, recorder, alarms } = parts;
  const rot = async (directory: string, path: string): Promise<void> => {
    if (!(await flipBit(files, directory, path, stream.chance))) return;
    recorder.add({ kind: 'fault', fault: 'disk/rot', target: path, node, directory });
  };
  const write = async (directory: string, path: string, bytes: Uint8Array): Promise<void> => {
    switch (stream.choose('disk', rates)) {
      case 'full':
        recorder.add({ kind: 'fault', fault: 'disk/full', target: path, node, directory });
        throw Object.assign(new Error(`ENOSPC: no space left on device, write '${directory}/${path}'`), {
          code: 'ENOSPC',
        });
      case 'rot':
        alarms.after(stream.chance.exponential(ROT_MILLISECONDS), () => void rot(directory, path));
    }
    await files.write(directory, path, bytes);
  };
  return new Proxy<CheckpointFiles>(files, {
    get: (_target, property) => {
      if (property === 'write') return write;
      const value: unknown = Reflect.get(files, property);
      return typeof value === 'function' ? value.bind(files) : value;
    },
  });
}
