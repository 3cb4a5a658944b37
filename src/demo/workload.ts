import {
  CHECKPOINT_LOWER_PRIORITY,
  type Draft,
  type Pod,
  PREEMPTION_POLICY_ANNOTATION,
  type PriorityClass,
} from '../model/index.ts';
import { DEMO_ENVIRONMENT, DEMO_IMAGE, DEMO_PROGRAM } from '../runtime/index.ts';

export const DEMO_NAMESPACE = 'default';
const OUTPUT_FOLDER = '/output';
export const OUTPUT_FILE = 'steps.txt';

export interface WorkloadOptions {
  name: string;
  /** Absolute folder on this machine; the program appends its steps to `steps.txt` in it. */
  outputFolder: string;
  steps: number;
  stepMilliseconds: number;
  /** What the process fills with incompressible bytes. */
  memoryMebibytes: number;
  cpu: string;
  priorityClassName?: string;
}

/**
 * A pod whose process counts: it holds the count only in memory and appends each step to a file on a volume, so that a
 * step lost or done twice shows in that file.
 */
export function countingPod(options: WorkloadOptions): Draft<Pod> {
  const { name, outputFolder, steps, stepMilliseconds, memoryMebibytes, cpu, priorityClassName } = options;
  const memory = `${memoryMebibytes + 128}Mi`;
  return {
    metadata: { name, namespace: DEMO_NAMESPACE, labels: { app: 'fermata-demo' } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      containers: [
        {
          name: 'count',
          image: DEMO_IMAGE,
          imagePullPolicy: 'Never',
          command: ['perl', '-e', DEMO_PROGRAM],
          env: [
            { name: DEMO_ENVIRONMENT.steps, value: String(steps) },
            { name: DEMO_ENVIRONMENT.stepMilliseconds, value: String(stepMilliseconds) },
            { name: DEMO_ENVIRONMENT.memoryMebibytes, value: String(memoryMebibytes) },
            { name: DEMO_ENVIRONMENT.output, value: `${OUTPUT_FOLDER}/${OUTPUT_FILE}` },
          ],
          resources: { requests: { cpu, memory }, limits: { cpu, memory } },
          volumeMounts: [{ name: 'output', mountPath: OUTPUT_FOLDER }],
        },
      ],
      volumes: [{ name: 'output', hostPath: { path: outputFolder, type: 'DirectoryOrCreate' } }],
    },
  };
}

/** May interrupt lower ones by checkpoint: nothing is lost. */
export const URGENT_CLASS = 'urgent';
/** Preempts as Kubernetes does: its victims are killed. */
export const URGENT_KILLING_CLASS = 'urgent-killing';

export function priorityClasses(): Draft<PriorityClass>[] {
  return [
    {
      metadata: { name: URGENT_CLASS, annotations: { [PREEMPTION_POLICY_ANNOTATION]: CHECKPOINT_LOWER_PRIORITY } },
      value: 1_000,
      description: 'Starts at once: lower pods are checkpointed, and go on later.',
    },
    {
      metadata: { name: URGENT_KILLING_CLASS },
      value: 1_000,
      preemptionPolicy: 'PreemptLowerPriority',
      description: 'Starts at once: lower pods are killed, as Kubernetes does it.',
    },
  ];
}
