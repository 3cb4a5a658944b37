import type { SimulatedFaults } from '../runtime/index.ts';
import type { FaultStream } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';
import type { Recorder } from './recorder.ts';

/** Pods with this annotation hold something that CRIU cannot dump. */
export const UNDUMPABLE_ANNOTATION = 'soak.fermata.dev/undumpable';

/** Mean of what a slow dump, restore or start takes longer, ms. */
const SLOW_MILLISECONDS = 60_000;
/** Mean time that a process lives whose restore only seemed to work, ms. */
const SHORT_LIFE_MILLISECONDS = 2_000;

/** What goes wrong in the container engine of one node. */
export function runtimeFaults(parts: {
  node: string;
  stream: FaultStream;
  rates: Pick<FaultRates, 'dump' | 'restore' | 'start'>;
  recorder: Recorder;
  /** Whether the pod's processes can never be dumped. */
  isUndumpable: (uid: string) => boolean;
}): SimulatedFaults {
  const { node, stream, rates, recorder, isUndumpable } = parts;
  const { chance } = stream;
  const tell = (fault: string, attempt: { uid: string; namespace: string; name: string; directory?: string }): void => {
    const { uid, namespace, name, directory } = attempt;
    const about = { target: `${namespace}/${name}`, node, podUid: uid };
    recorder.add({ kind: 'fault', fault, ...about, ...(directory === undefined ? {} : { directory }) });
  };
  const start = (attempt: { uid: string; namespace: string; name: string }) => {
    const fault = stream.choose('start', rates.start);
    if (fault === undefined) return undefined;
    tell(`start/${fault}`, attempt);
    if (fault === 'fail') return { kind: 'fail' as const, reason: 'runc: fork/exec: resource temporarily unavailable' };
    return { kind: 'slow' as const, milliseconds: chance.exponential(SLOW_MILLISECONDS) };
  };
  return {
    onCreate: start,
    onStart: start,
    onDump: (attempt) => {
      if (isUndumpable(attempt.uid)) {
        return { kind: 'fail', reason: 'Error (criu/tty.c:1234): tty: Found dangling tty with sid 1', after: 0.2 };
      }
      const fault = stream.choose('dump', rates.dump);
      // To run on is what it is to do when it only takes a copy.
      if (fault === undefined || (fault === 'runOn' && attempt.leaveRunning)) return undefined;
      tell(`dump/${fault}`, attempt);
      switch (fault) {
        case 'fail':
          return { kind: 'fail', reason: 'Error (criu/cr-dump.c:1781): Dumping FAILED.', after: chance.random() };
        case 'kill':
          return { kind: 'kill', reason: 'Error (compel/src/lib/infect.c): Unable to cure the remote task' };
        case 'slow':
          return { kind: 'slow', milliseconds: chance.exponential(SLOW_MILLISECONDS) };
        case 'halfWritten':
          return { kind: 'half-written' };
        case 'noImage':
          return { kind: 'no-image' };
        case 'runOn':
          return { kind: 'run-on' };
        case 'hang':
          return { kind: 'hang' };
      }
    },
    onRestore: (attempt) => {
      const fault = stream.choose('restore', rates.restore);
      if (fault === undefined) return undefined;
      tell(`restore/${fault}`, attempt);
      switch (fault) {
        case 'fail':
          return { kind: 'fail', reason: 'Error (criu/cr-restore.c:2485): Restoring FAILED.', after: chance.random() };
        case 'slow':
          return { kind: 'slow', milliseconds: chance.exponential(SLOW_MILLISECONDS) };
        case 'hang':
          return { kind: 'hang' };
        case 'die':
          return { kind: 'die', milliseconds: chance.exponential(SHORT_LIFE_MILLISECONDS) };
      }
    },
  };
}
