import type { Pod } from '../../model/index.ts';
import { DEMO_ENVIRONMENT, DEMO_PROGRAM } from '../demo-program.ts';
import type { PodToRun } from '../runtime.ts';
import type { RuntimeBed } from './bed.ts';

/** What a test says of a container; everything else is filled in. */
export interface ContainerSketch extends Partial<Record<keyof typeof DEMO_ENVIRONMENT, number>> {
  name?: string;
  image?: string;
  memoryLimit?: string;
  /** Its steps are appended to a file of the pod's volume. */
  writes?: boolean;
}

export interface PodSketch {
  uid: string;
  /** Identity over incarnations: pods of the same workload share their volume. Default: the UID. */
  workload?: string;
  containers?: readonly ContainerSketch[];
}

export const VOLUME = 'work';
const MOUNT_PATH = '/work';

export function outputPath(bed: RuntimeBed, workload: string, container = 'main'): string {
  return `${bed.folder}/volumes/${workload}/${container}.txt`;
}

/** The pod of a sketch, its volume's folder made. */
export async function drawPod(bed: RuntimeBed, sketch: PodSketch): Promise<PodToRun> {
  const { uid, workload = uid, containers = [{}] } = sketch;
  const folder = `${bed.folder}/volumes/${workload}`;
  await bed.makeFolder(folder);
  const environment: Record<string, Record<string, string>> = {};
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: workload,
      namespace: 'compliance',
      uid,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      restartPolicy: 'Never',
      volumes: [{ name: VOLUME, hostPath: { path: folder } }],
      containers: containers.map((container) => {
        const { name = 'main', image = bed.image, memoryLimit, writes = false } = container;
        environment[name] = environmentOf(
          container,
          bed.stepMilliseconds,
          writes ? `${MOUNT_PATH}/${name}.txt` : undefined,
        );
        return {
          name,
          image,
          imagePullPolicy: 'Never',
          command: ['perl', '-e', DEMO_PROGRAM],
          volumeMounts: [{ name: VOLUME, mountPath: MOUNT_PATH }],
          ...(memoryLimit === undefined ? {} : { resources: { limits: { memory: memoryLimit } } }),
        };
      }),
    },
  };
  return { pod, volumes: { [VOLUME]: folder }, environment };
}

function environmentOf(
  sketch: ContainerSketch,
  stepMilliseconds: number,
  output: string | undefined,
): Record<string, string> {
  const environment: Record<string, string> = { [DEMO_ENVIRONMENT.stepMilliseconds]: String(stepMilliseconds) };
  for (const setting of Object.keys(DEMO_ENVIRONMENT) as (keyof typeof DEMO_ENVIRONMENT)[]) {
    const value = sketch[setting];
    if (value !== undefined) environment[DEMO_ENVIRONMENT[setting]] = String(value);
  }
  if (output !== undefined) environment[DEMO_ENVIRONMENT.output] = output;
  return environment;
}
