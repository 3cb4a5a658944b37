import { type Command, Option } from 'commander';
import type { Running } from '../roles/index.ts';
import { UsageError } from './exit.ts';

/** Runs a long-running role until it is told to stop, then stops it. */
export async function runRole(start: () => Promise<Running>, options: { supervised?: boolean }): Promise<void> {
  const { untilStopped } = await import('../roles/index.ts');
  const stopped = untilStopped(options);
  const running = await start();
  await stopped;
  await running.stop();
}

export function logFormatOption(): Option {
  return new Option('--log-format <format>', 'of the log on standard error').choices(['json', 'text']).default('json');
}

/** Options every role that talks to a cluster has. */
export function roleOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig to use (default: $KUBECONFIG, ~/.kube/config, in-cluster)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kube-api-qps <number>', 'most requests a second to the API server (default: no limit)', positive)
    .option('--kube-api-burst <number>', 'how many of them may come at once (default: those of a second)', positive)
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addOption(logFormatOption())
    .option('--health-address <host:port>', 'serve /healthz, /readyz and /metrics here, e.g. :8081 (default: nowhere)')
    .option('--supervised', 'stop when standard input ends, as a part of a sandbox does');
}

/** Options of roles of which several replicas may run, of which one leads: Kubernetes' own flags. */
export function leaderElectionOptions(command: Command): Command {
  return command
    .option('--leader-elect', 'run only while holding a Lease, so that several replicas may be started', true)
    .option('--no-leader-elect', 'this is the only replica: it leads at once')
    .option('--leader-elect-lease-duration <duration>', 'others wait this long before they take over', '15s')
    .option('--leader-elect-renew-deadline <duration>', 'the leader gives up after this long without a renewal', '10s')
    .option('--leader-elect-retry-period <duration>', 'between two tries to acquire or renew', '2s')
    .option('--leader-elect-resource-namespace <name>', 'of the Lease (default: that of this pod, else kube-system)')
    .option('--leader-elect-resource-name <name>', 'of the Lease (default: fermata-scheduler, fermata-controller)');
}

export interface AdmissionFlags {
  serverName: string[];
  supervised?: boolean;
}

/** Options of roles that an API server asks for admission. */
export function admissionOptions(command: Command, defaults: { name: string; configuration: string }): Command {
  const { name, configuration } = defaults;
  return command
    .option('-p, --port <port>', 'port to listen on (default: 9443)', port)
    .option('-n, --namespace <name>', 'of its Service and Secret (default: that of this pod, else fermata-system)')
    .option('--service-name <name>', 'the Service by which the API server reaches it', name)
    .option('--server-name <name>', 'a further name or address for its certificate; may be repeated', collect, [])
    .option('--configuration-name <name>', 'the MutatingWebhookConfiguration', configuration)
    .option('--secret-name <name>', 'the Secret of its certificate', `${name}-certificate`);
}

export const collect = (value: string, before: string[]): string[] => [...before, value];

function port(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new UsageError(`${JSON.stringify(text)} is not a port`);
  }
  return number;
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new UsageError(`${JSON.stringify(text)} is not a number above 0`);
  return number;
}
