import { FermataError } from '../../model/index.ts';
import { walltimeSeconds } from '../resources.ts';

/** Fields of a job as v0.0.38 takes them; {@link inVersion} has the words of newer ones. */
export interface RestRequest {
  name?: string;
  comment?: string;
  partition?: string;
  account?: string;
  qos?: string;
  reservation?: string;
  /** Minutes. */
  time_limit?: number;
  /** Least and most. */
  nodes?: [number, number];
  tasks?: number;
  tasks_per_node?: number;
  cpus_per_task?: number;
  /** Mebibytes. */
  memory_per_node?: number;
  memory_per_cpu?: number;
  gres?: string;
  gpus?: string;
  gpus_per_node?: string;
  gpus_per_task?: string;
  constraints?: string;
  licenses?: string;
  array?: string;
  dependency?: string;
  exclusive?: string;
  hold?: boolean;
  requeue?: boolean;
  signal?: string;
  begin_time?: number;
  nice?: number;
  wckey?: string;
  mail_type?: string;
  mail_user?: string;
  current_working_directory?: string;
  standard_output?: string;
  standard_error?: string;
  open_mode?: string;
  environment?: Readonly<Record<string, string>>;
}

type Reader = (value: string) => RestRequest;

const text =
  (field: keyof RestRequest): Reader =>
  (value) => ({ [field]: value });
const whole =
  (field: keyof RestRequest): Reader =>
  (value) => ({ [field]: wholeNumber(value) });
const nothing: Reader = () => ({});

/** Options of sbatch with a value: what slurmrestd, which reads no `#SBATCH` lines, is told instead. */
const WITH_VALUE: Readonly<Record<string, Reader>> = {
  partition: text('partition'),
  account: text('account'),
  qos: text('qos'),
  reservation: text('reservation'),
  time: (value) => ({ time_limit: Math.ceil(walltimeSeconds(value) / 60) }),
  nodes: (value) => {
    const [least = '', most = least] = value.split('-');
    return { nodes: [wholeNumber(least), wholeNumber(most)] };
  },
  ntasks: whole('tasks'),
  'ntasks-per-node': whole('tasks_per_node'),
  'cpus-per-task': whole('cpus_per_task'),
  mem: (value) => ({ memory_per_node: sizeMebibytes(value) }),
  'mem-per-cpu': (value) => ({ memory_per_cpu: sizeMebibytes(value) }),
  gres: text('gres'),
  gpus: text('gpus'),
  'gpus-per-node': text('gpus_per_node'),
  'gpus-per-task': text('gpus_per_task'),
  constraint: text('constraints'),
  licenses: text('licenses'),
  array: text('array'),
  dependency: text('dependency'),
  signal: text('signal'),
  nice: whole('nice'),
  wckey: text('wckey'),
  'mail-type': text('mail_type'),
  'mail-user': text('mail_user'),
  chdir: text('current_working_directory'),
  // The connector's own: it names the job and knows where its output goes.
  'job-name': nothing,
  output: nothing,
  error: nothing,
  'open-mode': nothing,
};

const WITHOUT_VALUE: Readonly<Record<string, RestRequest>> = {
  hold: { hold: true },
  requeue: { requeue: true },
  'no-requeue': { requeue: false },
  exclusive: { exclusive: 'true' },
  parsable: {},
};

const SHORT: Readonly<Record<string, string>> = {
  p: 'partition',
  A: 'account',
  q: 'qos',
  t: 'time',
  N: 'nodes',
  n: 'ntasks',
  c: 'cpus-per-task',
  G: 'gpus',
  C: 'constraint',
  L: 'licenses',
  a: 'array',
  d: 'dependency',
  D: 'chdir',
  J: 'job-name',
  o: 'output',
  e: 'error',
  H: 'hold',
};

/**
 * Words of sbatch's command line as fields of a job; a later word wins.
 *
 * @throws FermataError `InvalidJobRequest` for an option that has no counterpart: it is refused rather than forgotten
 */
export function restOptions(words: readonly string[]): RestRequest {
  const fields: RestRequest = {};
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [, long, given] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const [, short = '', rest = ''] = /^-([A-Za-z])(.*)$/s.exec(word) ?? [];
    const name = long ?? SHORT[short] ?? '';
    if (WITHOUT_VALUE[name] !== undefined && given === undefined && rest === '') {
      Object.assign(fields, WITHOUT_VALUE[name]);
      continue;
    }
    const read = WITH_VALUE[name];
    const value = given ?? (rest === '' ? queue.shift() : rest);
    if (read === undefined || value === undefined) {
      throw new FermataError('InvalidJobRequest', `"${word}" of sbatch cannot be asked for over REST`, {
        nextStep: `use the connector's own flags, or reach the site by ssh; understood are ${Object.keys(WITH_VALUE)
          .concat(Object.keys(WITHOUT_VALUE))
          .map((option) => `--${option}`)
          .join(' ')}`,
      });
    }
    Object.assign(fields, read(value));
  }
  return fields;
}

/** Words of a `#SBATCH` line, as a shell parts them where nothing but quotes is special. */
export function directiveWords(line: string): string[] {
  const uncommented = line.replace(/^#SBATCH\s+/, '').replace(/\s#.*$/, '');
  return [...uncommented.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
}

/** The fields in the words of a version: 38 for v0.0.38. */
export function inVersion(fields: RestRequest, version: number): Record<string, unknown> {
  if (version <= 38) return { ...fields };
  const { nodes, environment = {}, gres, exclusive, open_mode, gpus, gpus_per_node, gpus_per_task, ...same } = fields;
  const { time_limit, memory_per_node, memory_per_cpu, ...plain } = same;
  const trackable = (name: string, value: string | undefined): Record<string, string> =>
    value === undefined ? {} : { [name]: `gres/gpu:${value}` };
  const reserved = Object.entries({ time_limit, memory_per_node, memory_per_cpu }).filter(
    ([, one]) => one !== undefined,
  );
  return {
    ...plain,
    environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...(nodes === undefined ? {} : { minimum_nodes: nodes[0], maximum_nodes: nodes[1] }),
    ...(gres === undefined ? {} : { tres_per_node: `gres/${gres}` }),
    ...trackable('tres_per_job', gpus),
    ...trackable('tres_per_node', gpus_per_node),
    ...trackable('tres_per_task', gpus_per_task),
    ...(exclusive === undefined ? {} : { shared: ['none'] }),
    ...(open_mode === undefined ? {} : { open_mode: [open_mode.toUpperCase()] }),
    ...Object.fromEntries(reserved.map(([name, number]) => [name, version < 40 ? number : { set: true, number }])),
  };
}

function wholeNumber(value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new FermataError('InvalidJobRequest', `"${value}" is no whole number`);
}

/** Slurm counts in mebibytes without a unit. */
function sizeMebibytes(value: string): number {
  const [, number, unit = 'M'] = /^(\d+)([KMGT])?B?$/i.exec(value) ?? [];
  if (number === undefined) throw new FermataError('InvalidJobRequest', `"${value}" is no size as Slurm writes it: 4G`);
  const power = 'KMGT'.indexOf(unit.toUpperCase()) - 1;
  return Math.ceil(Number(number) * 1024 ** power);
}
