/** What a running job takes, as far as the batch system says. */
export interface JobUsage {
  id: string;
  /** Processor time of all its processes so far. */
  cpuSeconds?: number;
  /** Of all its processes, in bytes: now, or the most that was seen, whichever the batch system tells. */
  memoryBytes?: number;
}

/** How a batch system tells what a job takes. */
export interface UsageQuery {
  /** Shell that prints it of the job `$id`; `$labels` has its running tasks, parted by commas. */
  script: string;
  read(text: string): Omit<JobUsage, 'id'>;
}

/** `sstat`, of all steps: needs accounting of processes (`JobAcctGatherType`), and no database. Tasks of an array come twice. */
export const SLURM_USAGE: UsageQuery = {
  script: 'sstat -nPa -j "$labels" -o JobID,AveCPU,MaxRSS,NTasks 2>/dev/null',
  read: (text) => {
    const steps = new Map(text.split('\n').map((line) => [line.split('|')[0], line.split('|')]));
    return sum(
      [...steps.values()].flatMap(([, cpu, memory = '', tasks]) => {
        const times = Number(tasks ?? 0);
        return cpu === undefined || !(times > 0)
          ? []
          : [{ cpuSeconds: seconds(cpu) * times, memoryBytes: bytes(memory) * times }];
      }),
    );
  },
};

/** `qstat -j`: a line of `usage` for each task. */
export const GRID_ENGINE_USAGE: UsageQuery = {
  script: 'qstat -j "$id" 2>/dev/null',
  read: (text) =>
    sum(
      [...text.matchAll(/^usage .*?cpu=([\d:]+).*?vmem=([^,\s]+)/gm)].map(([, cpu = '', memory = '']) => ({
        cpuSeconds: seconds(cpu),
        memoryBytes: bytes(memory),
      })),
    ),
};

/** `qstat -f`: `resources_used` of the job. */
export const PBS_USAGE: UsageQuery = {
  script: 'qstat -f "$id" 2>/dev/null',
  read: (text) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^\\s*resources_used\\.${name} = (\\S+)`, 'm').exec(text)?.[1];
    const cpu = field('cput');
    const memory = field('mem');
    return {
      ...(cpu === undefined ? {} : { cpuSeconds: seconds(cpu) }),
      ...(memory === undefined ? {} : { memoryBytes: bytes(memory) }),
    };
  },
};

/** `$@`: `id:label,label` of each job. */
export function usageScript({ script }: UsageQuery): string {
  return `for one in "$@"; do id=\${one%%:*} labels=\${one#*:}; echo "job $id"; ${script}; done; true`;
}

export function readUsage(query: UsageQuery, text: string): JobUsage[] {
  return text
    .split(/^(?=job \S+$)/m)
    .filter((part) => part.startsWith('job '))
    .map((part) => {
      const end = part.indexOf('\n');
      return { id: part.slice('job '.length, end), ...query.read(part.slice(end + 1)) };
    });
}

function sum(parts: readonly { cpuSeconds: number; memoryBytes: number }[]): Omit<JobUsage, 'id'> {
  if (parts.length === 0) return {};
  return {
    cpuSeconds: parts.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
    memoryBytes: parts.reduce((total, { memoryBytes }) => total + memoryBytes, 0),
  };
}

/** `05:00`, `1:02:03`, `2-03:04:05`, Grid Engine's `2:03:04:05`, with a fraction or none. */
function seconds(text: string): number {
  const factors = [1, 60, 3600, 86_400];
  return text
    .split(/[-:]/)
    .reverse()
    .reduce((total, part, index) => total + (Number(part) || 0) * (factors[index] ?? 0), 0);
}

/** `12.5M`, `1234kb`, `512`: powers of 1024, as all three count. */
function bytes(text: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([kmgt]?)b?$/i.exec(text) ?? [];
  return Math.round(Number(number) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '));
}
