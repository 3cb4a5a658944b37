import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { SystemClock } from '../clock/index.ts';
import { Reflector } from '../kubernetes/index.ts';
import { NODES, type Node, PODS, type Pod, SILENT_LOG, WALLTIME_ANNOTATION } from '../model/index.ts';
import type { RecordedLine } from '../simulation/index.ts';
import { withCluster } from './cluster.ts';
import { Progress } from './progress.ts';
import type { RecordFlags } from './record.ts';
import { wholeNumber } from './simulate-settings.ts';

/** Records until told to stop. What is written are requests, times and names: no environment, no images, no secrets. */
export async function record(flags: RecordFlags): Promise<void> {
  const file = createWriteStream(flags.out, { flags: 'a' });
  const seconds = flags.seconds === undefined ? undefined : wholeNumber('--seconds', flags.seconds);
  const progress = new Progress();
  let written = 0;
  const write = (type: RecordedLine['type'], object: Pod | Node): void => {
    file.write(`${JSON.stringify({ at: Date.now(), type, object })}\n`);
    written++;
  };
  try {
    await withCluster(flags, async ({ store, namespace }) => {
      const parts = { store, clock: new SystemClock(), random: Math.random, log: SILENT_LOG };
      const scope = flags.namespace === undefined ? {} : { namespace };
      const pods = new Reflector<Pod>(parts, PODS, {
        ...scope,
        onChange: (pod) => write('PUT', podAsRecorded(pod)),
        onDelete: (pod) => write('DELETE', podAsRecorded(pod)),
      });
      const nodes = new Reflector<Node>(parts, NODES, {
        onChange: (node) => write('PUT', nodeAsRecorded(node)),
        onDelete: (node) => write('DELETE', nodeAsRecorded(node)),
      });
      pods.start();
      nodes.start();
      progress.step(`recording to ${flags.out}`);
      await untilToldToStop(seconds);
      await Promise.all([pods.stop(), nodes.stop()]);
    });
  } finally {
    progress.stop();
    file.end();
    await finished(file);
  }
  process.stderr.write(`${written} lines were written to ${flags.out}\n`);
}

async function untilToldToStop(seconds: number | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = seconds === undefined ? undefined : setTimeout(end, seconds * 1_000);
    function end(): void {
      clearTimeout(timer);
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
      resolve();
    }
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  });
}

/** What a trace needs of a pod. */
function podAsRecorded({ metadata, spec, status }: Pod): Pod {
  const walltime = metadata.annotations?.[WALLTIME_ANNOTATION];
  const { name, namespace, uid, creationTimestamp, resourceVersion } = metadata;
  const containers = spec.containers.map(({ name: container, resources }) => ({
    name: container,
    ...(resources?.requests === undefined ? {} : { resources: { requests: resources.requests } }),
  }));
  const containerStatuses = status?.containerStatuses?.flatMap(({ name: container, state }) =>
    state?.terminated === undefined
      ? []
      : [{ name: container, state: { terminated: { exitCode: 0, finishedAt: state.terminated.finishedAt } } }],
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid,
      creationTimestamp,
      resourceVersion,
      ...(namespace === undefined ? {} : { namespace }),
      ...(walltime === undefined ? {} : { annotations: { [WALLTIME_ANNOTATION]: walltime } }),
    },
    spec: {
      containers,
      ...(spec.priority === undefined ? {} : { priority: spec.priority }),
      ...(spec.activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: spec.activeDeadlineSeconds }),
    },
    status: {
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.startTime === undefined ? {} : { startTime: status.startTime }),
      ...(containerStatuses === undefined ? {} : { containerStatuses: containerStatuses as never }),
    },
  };
}

function nodeAsRecorded({ metadata, status }: Node): Node {
  const { name, uid, creationTimestamp, resourceVersion, labels } = metadata;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid, creationTimestamp, resourceVersion, ...(labels === undefined ? {} : { labels }) },
    spec: {},
    ...(status?.allocatable === undefined ? {} : { status: { allocatable: status.allocatable } }),
  };
}
