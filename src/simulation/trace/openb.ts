import type { WorldNode } from '../world/world.ts';
import { fieldsOf, type Row, readTable } from './csv.ts';
import type { ReadOptions } from './swf.ts';
import type { RejectionReport, Trace, TraceJob } from './trace-job.ts';

const MIB = 1024 ** 2;
/** Quality-of-service classes of the trace, as priorities: latency-sensitive services above batch above best effort. */
const PRIORITIES: Readonly<Record<string, number>> = { LS: 300, Guaranteed: 200, Burstable: 100, BE: 0 };

/**
 * Pods of Alibaba's GPU cluster trace 2023 ("openb"; Weng et al., ATC'23): `name,cpu_milli,memory_mib,num_gpu,gpu_milli,
 * gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time`, plain or gzip. The run time is from scheduled (else
 * created) to deleted. @throws `TraceUnreadable`, `TraceColumnsMissing`
 */
export async function readOpenbPods(path: string, options: ReadOptions = {}): Promise<Trace> {
  const columns = ['name', 'cpu_milli', 'memory_mib', 'creation_time', 'deletion_time'];
  return await fieldsOf(path, columns, options, (row): TraceJob | string => {
    const created = row.number('creation_time');
    const deleted = row.number('deletion_time');
    const cpu = row.number('cpu_milli');
    const memory = row.number('memory_mib');
    if (row.text('deletion_time') === '') return 'no time of deletion';
    if (created === undefined || deleted === undefined || cpu === undefined || memory === undefined)
      return 'not a number';
    if (created < 0) return 'creation time is negative';
    const runSeconds = deleted - Math.max(created, row.number('scheduled_time') ?? created);
    if (runSeconds <= 0) return 'run time is not more than zero';
    if (cpu <= 0) return 'no processors';
    const gpus = (row.number('num_gpu') ?? 0) * ((row.number('gpu_milli') ?? 1_000) / 1_000);
    const models = row.text('gpu_spec');
    const qos = row.text('qos');
    return {
      id: row.text('name'),
      submitSeconds: created,
      runSeconds,
      processors: cpu / 1_000,
      tasks: 1,
      memoryBytes: memory * MIB,
      ...(gpus > 0 ? { gpus } : {}),
      // One of several would do: the first is taken.
      ...(models === '' ? {} : { gpuModel: models.split('|')[0] ?? models }),
      user: qos === '' ? 'unknown' : qos,
      queue: qos,
      priority: PRIORITIES[qos] ?? 0,
    };
  });
}

/** Nodes of the same trace: `sn,cpu_milli,memory_mib,gpu,model`, plain or gzip. @throws as {@link readOpenbPods} */
export async function readOpenbNodes(
  path: string,
  options: ReadOptions = {},
): Promise<{ nodes: WorldNode[]; rejected: RejectionReport }> {
  const columns = ['sn', 'cpu_milli', 'memory_mib'];
  const { rows, rejected } = await readTable(path, columns, options, (row: Row): WorldNode | string => {
    const cpuMillicores = row.number('cpu_milli');
    const memory = row.number('memory_mib');
    const gpus = row.number('gpu') ?? 0;
    if (cpuMillicores === undefined || memory === undefined) return 'not a number';
    if (cpuMillicores <= 0 || memory <= 0 || gpus < 0) return 'no processors or memory';
    const model = row.text('model');
    const gpuMillis = gpus * 1_000;
    const name = row.text('sn');
    return { name, cpuMillicores, memoryBytes: memory * MIB, gpuMillis, ...(model === '' ? {} : { gpuModel: model }) };
  });
  return { nodes: rows, rejected };
}
