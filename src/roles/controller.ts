import { GroupController, InterruptionController, RetentionController, WorkloadMetrics } from '../controllers/index.ts';
import { EventRecorder, keepsSchedulingGates } from '../kubernetes/index.ts';
import { type LeaderElectionFlags, startLed } from './election.ts';
import { otlpHeaders } from './otlp.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';
import { TraceExport, type TraceExportOptions } from './trace-export.ts';

export interface ControllerRoleOptions extends ClusterOptions, LeaderElectionFlags {
  /** OTLP/HTTP receiver that is told of interruptions. Default `$OTEL_EXPORTER_OTLP_ENDPOINT`, else nobody is. */
  otlpEndpoint?: string;
}

const NAME = 'fermata-controller';

export async function startController(options: ControllerRoleOptions): Promise<Running> {
  const { podNamespace, vitals, ...dependencies } = await connect('controller', options);
  const metrics = new WorkloadMetrics(vitals.metrics, dependencies.clock);
  const knowsGates = async (signal: AbortSignal): Promise<boolean> =>
    keepsSchedulingGates(await dependencies.store.version({ signal }));
  const traces = traceOptions(options);
  const counter = vitals.metrics.counter('fermata_traces_total', 'Traces of interruptions, by outcome.', ['outcome']);
  const count = (outcome: string, number: number): void => counter.increment({ outcome }, number);
  await vitals.start();
  const role = { name: NAME, flags: options, podNamespace, vitals, isReady: () => metrics.isRead };
  const led = startLed(role, dependencies, (store) => {
    const parts = { ...dependencies, store };
    const events = new EventRecorder(parts, { component: NAME });
    const controllers = [
      new GroupController({ ...parts, events }),
      new InterruptionController({ ...parts, events, metrics, knowsGates }),
      new RetentionController({ ...parts, events }),
      ...(traces === undefined ? [] : [new TraceExport({ ...parts, count }, traces)]),
    ];
    return {
      start: () => {
        for (const controller of controllers) controller.start();
      },
      stop: async () => {
        await Promise.all(controllers.map((controller) => controller.stop()));
        await events.flush();
      },
    };
  });
  return {
    stop: async () => {
      await led.stop();
      await vitals.stop();
      await dependencies.store.close();
    },
  };
}

/** What is secret in the headers comes from the environment alone: arguments are for everybody to see. */
function traceOptions({ otlpEndpoint }: ControllerRoleOptions): TraceExportOptions | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS = '' } = process.env;
  const endpoint = otlpEndpoint ?? OTEL_EXPORTER_OTLP_ENDPOINT ?? '';
  if (endpoint === '') return undefined;
  return { endpoint, headers: otlpHeaders(OTEL_EXPORTER_OTLP_HEADERS), serviceName: NAME };
}
