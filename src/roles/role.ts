import { type Clock, type Random, SystemClock } from '../clock/index.ts';
import { HttpStore, IN_CLUSTER, loadKubeconfig, type RequestLimits } from '../kubernetes/index.ts';
import type { Log } from '../model/index.ts';
import { createLog, type LogFormat, type LogLevel } from './log.ts';
import { Vitals, type VitalsOptions } from './vitals.ts';

/** A long-running process: what was started, and how to end it. */
export interface Running {
  stop(): Promise<void>;
}

/** What every role that talks to an API server is made from. */
export interface RoleDependencies {
  store: HttpStore;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface ConnectedRole extends RoleDependencies {
  /** Of the pod that this process runs in; undefined outside of a cluster. */
  podNamespace: string | undefined;
  /** Not started yet. */
  vitals: Vitals;
}

export interface ClusterOptions extends VitalsOptions {
  /** Kubeconfig file; default as kubectl: $KUBECONFIG, ~/.kube/config, in-cluster. */
  kubeconfig?: string;
  context?: string;
  logLevel?: LogLevel;
  logFormat?: LogFormat;
  /** Requests a second, and how many of them at once; default: no limit. */
  kubeApiQps?: number;
  kubeApiBurst?: number;
}

/** The real clock, real chance, and the cluster the kubeconfig names. */
export async function connect(role: string, options: ClusterOptions): Promise<ConnectedRole> {
  const access = await loadKubeconfig({
    ...(options.kubeconfig === undefined ? {} : { path: options.kubeconfig }),
    ...(options.context === undefined ? {} : { context: options.context }),
  });
  const log = createLog(role, options.logLevel, options.logFormat);
  const vitals = new Vitals(log, options);
  const requests = vitals.metrics.counter(
    'rest_client_requests_total',
    'Requests to the API server, by status and method.',
    ['code', 'method'],
  );
  return {
    store: new HttpStore(access, {
      userAgent: `fermata-${role}`,
      limits: limitsOf(options),
      onAnswer: (method, code) => requests.increment({ code: code === 0 ? '<error>' : String(code), method }),
    }),
    clock: new SystemClock(),
    random: Math.random,
    log,
    vitals,
    podNamespace: access.context === IN_CLUSTER ? access.namespace : undefined,
  };
}

function limitsOf({ kubeApiQps, kubeApiBurst }: ClusterOptions): RequestLimits {
  return {
    ...(kubeApiQps === undefined ? {} : { queriesPerSecond: kubeApiQps }),
    ...(kubeApiBurst === undefined ? {} : { burst: kubeApiBurst }),
  };
}
