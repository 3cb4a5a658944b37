import { compareQuantities, FermataError, parseDuration, quantityMillis, quantityUnits } from '../model/index.ts';
import type { JobComponent, JobRequest } from './job.ts';

/** Annotations of a pod that speak of its HPC job: `hpc.fermata.dev/partition: gpu`. */
export const HPC_ANNOTATION_PREFIX = 'hpc.fermata.dev/';

/** What a pod asks for, in Kubernetes' words, as the downward API writes it. */
export interface PodInfo {
  /** Container limits and requests: `cpu`, `memory`, and GPUs under their resource name. */
  resources?: { cpu?: string; memory?: string; gpus?: string };
  annotations?: Readonly<Record<string, string>>;
}

/** Mebibytes from a Kubernetes quantity, rounded up. */
export function mebibytes(quantity: string): number {
  if (compareQuantities(quantity, '0') <= 0) throw invalid('memory', quantity, 'a quantity above 0, like 4Gi or 512Mi');
  return Math.ceil(quantityUnits(quantity) / 1024 ** 2);
}

/** Whole processors from a Kubernetes quantity: batch systems hand out no fractions. */
export function processors(quantity: string): number {
  if (compareQuantities(quantity, '0') <= 0) throw invalid('cpu', quantity, 'a quantity above 0, like 4 or 500m');
  return Math.ceil(quantityMillis(quantity) / 1000);
}

/** Seconds from `90` (minutes, as Slurm counts), `1:30:00`, `2-12:00:00` or a duration with units (`36h`). */
export function walltimeSeconds(text: string): number {
  const clock = /^(?:(\d+)-)?(\d+):(\d{1,2})(?::(\d{1,2}))?$/.exec(text);
  if (clock !== null) {
    const [, days, first, second, third] = clock.map((part) => Number(part ?? 0));
    // With days it is hours:minutes:seconds; with two parts and no days minutes:seconds, as sbatch reads it.
    const hasHours = clock[1] !== undefined || clock[4] !== undefined;
    const seconds = hasHours
      ? (days ?? 0) * 86_400 + (first ?? 0) * 3600 + (second ?? 0) * 60 + (third ?? 0)
      : (first ?? 0) * 60 + (second ?? 0);
    if (seconds > 0) return seconds;
  }
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text) * 60;
  if (/^[0-9.]+[a-z]/.test(text) && parseDuration(text) > 0) return parseDuration(text) / 1000;
  throw invalid('time', text, '1:30:00, 2-12:00:00, a duration like 36h, or minutes');
}

/** A whole number above 0. */
export function count(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw invalid(option, text, 'a whole number above 0');
  return Number(text);
}

const COMPONENT_FIELDS: Readonly<Record<string, (value: string) => JobComponent>> = {
  nodes: (value) => ({ nodes: count('nodes', value) }),
  tasks: (value) => ({ tasks: count('tasks', value) }),
  'cpus-per-task': (value) => ({ cpusPerTask: count('cpus-per-task', value) }),
  memory: (value) => ({ memoryMebibytes: mebibytes(value) }),
  gpus: (value) => ({ gpus: count('gpus', value) }),
  partition: (value) => ({ partition: value }),
};

/** A component of a heterogeneous job: `nodes=2,cpus-per-task=8,memory=64Gi,gpus=1,partition=gpu`. */
export function jobComponent(text: string): JobComponent {
  const fields = text.split(',').map((part): JobComponent => {
    const [name = '', value = ''] = part.split('=').map((word) => word.trim());
    const read = COMPONENT_FIELDS[name];
    if (read === undefined || value === '') {
      throw invalid('component', text, `name=value pairs of ${Object.keys(COMPONENT_FIELDS).join(', ')}`);
    }
    return read(value);
  });
  return Object.assign({}, ...fields) as JobComponent;
}

type Field = (value: string) => Partial<JobRequest>;

/** The annotations and what each sets; resources of the pod hold where no annotation says otherwise. */
const ANNOTATIONS: Readonly<Record<string, Field>> = {
  ...COMPONENT_FIELDS,
  components: (value) => ({ components: value.split(';').map(jobComponent) }),
  time: (value) => ({ walltimeSeconds: walltimeSeconds(value) }),
  account: (value) => ({ account: value }),
  qos: (value) => ({ qualityOfService: value }),
  reservation: (value) => ({ reservation: value }),
  'parallel-environment': (value) => ({ parallelEnvironment: value }),
  array: (value) => ({ array: value }),
  dependency: (value) => ({ dependency: value }),
  checkpoint: (value) => {
    if (value !== 'criu') throw invalid('checkpoint', value, 'criu');
    return { checkpoint: { criu: 'criu', warningSeconds: 60 } };
  },
  image: (value) => ({ image: value }),
  modules: (value) => ({ modules: value.split(/[\s,]+/).filter((name) => name !== '') }),
  'working-directory': (value) => ({ workingDirectory: value }),
};

/**
 * What a pod's resources and annotations mean to a batch system.
 *
 * @throws FermataError `InvalidJobRequest` for an annotation of ours that does not exist or is not understood
 */
export function requestOfPod(info: PodInfo): Partial<JobRequest> {
  const { cpu, memory, gpus } = info.resources ?? {};
  const request: Partial<JobRequest> = {
    ...(cpu === undefined || cpu === '0' ? {} : { cpusPerTask: processors(cpu) }),
    ...(memory === undefined || memory === '0' ? {} : { memoryMebibytes: mebibytes(memory) }),
    ...(gpus === undefined || gpus === '0' ? {} : { gpus: count('gpus', gpus) }),
  };
  for (const [name, value] of Object.entries(info.annotations ?? {})) {
    if (!name.startsWith(HPC_ANNOTATION_PREFIX)) continue;
    const field = ANNOTATIONS[name.slice(HPC_ANNOTATION_PREFIX.length)];
    if (field === undefined) {
      throw new FermataError('InvalidJobRequest', `annotation ${name} is unknown`, {
        nextStep: `known are ${Object.keys(ANNOTATIONS)
          .map((known) => HPC_ANNOTATION_PREFIX + known)
          .join(', ')}`,
      });
    }
    Object.assign(request, field(value));
  }
  return request;
}

/** Lines `name="value"` as the downward API writes annotations and labels, with Go's escapes. */
export function readDownwardApi(text: string): Record<string, string> {
  const entries = text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=');
    if (at <= 0) return [];
    return [[line.slice(0, at), JSON.parse(line.slice(at + 1).replaceAll(/\\x([0-9a-f]{2})/g, '\\u00$1')) as string]];
  });
  return Object.fromEntries(entries);
}

function invalid(option: string, value: string, accepted: string): FermataError {
  return new FermataError('InvalidJobRequest', `${option} "${value}" is not understood`, {
    nextStep: `it takes ${accepted}`,
  });
}
