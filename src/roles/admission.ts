import { isIP } from 'node:net';
import { type AdmissionHandler, AdmissionServer, announceAuthorities, SharedCertificate } from '../kubernetes/index.ts';
import { exponentialBuckets } from '../metrics/index.ts';
import type { ClusterOptions, ConnectedRole, Running } from './role.ts';

/** How an API server reaches a webhook, and by what it trusts it. */
export interface AdmissionRoleOptions extends ClusterOptions {
  /** Default {@link DEFAULT_WEBHOOK_PORT}. */
  port?: number;
  /** Of Service and Secret. Default: the namespace of the pod this runs in, else `fermata-system`. */
  namespace?: string;
  /** The Service by which the API server reaches it. */
  serviceName?: string;
  /** Further names and addresses for its certificate, where the API server reaches it otherwise. */
  serverNames?: readonly string[];
  /** The MutatingWebhookConfiguration. */
  configurationName?: string;
  /** Of its certificate. */
  secretName?: string;
}

export const DEFAULT_WEBHOOK_PORT = 9443;
/** The API server waits 10 s for a webhook unless told otherwise. */
const LONGEST_REVIEW_MILLISECONDS = 8_000;

export interface Admission {
  /** Service, Secret (`NAME-certificate`) and common name are called so unless the options say otherwise. */
  name: string;
  /** The MutatingWebhookConfiguration unless the options say otherwise. */
  configurationName: string;
  handlers: Readonly<Record<string, AdmissionHandler>>;
  /** Whenever there is a certificate, before it is used. */
  prepare?: (signal: AbortSignal) => Promise<void>;
}

/** Serves admission reviews, with a certificate that replicas share and renew. `stop` ends the role's vitals and store too. */
export async function serveAdmission(
  { podNamespace, vitals, ...parts }: ConnectedRole,
  options: AdmissionRoleOptions,
  { name, configurationName, handlers, prepare }: Admission,
): Promise<Running & { port(): number }> {
  const namespace = options.namespace ?? podNamespace ?? 'fermata-system';
  const reviews = vitals.metrics.counter('fermata_admission_reviews_total', 'Objects reviewed, by outcome.', [
    'outcome',
  ]);
  const took = vitals.metrics.histogram(
    'fermata_admission_review_duration_seconds',
    'Time to answer the API server.',
    exponentialBuckets(0.001, 2, 13),
  );
  const limited = Object.entries(handlers).map(([path, handler]): [string, AdmissionHandler] => [
    path,
    (request, signal) => handler(request, AbortSignal.any([signal, AbortSignal.timeout(LONGEST_REVIEW_MILLISECONDS)])),
  ]);
  const server = new AdmissionServer(parts, {
    port: options.port ?? DEFAULT_WEBHOOK_PORT,
    handlers: Object.fromEntries(limited),
    onAnswer: (_path, outcome, milliseconds) => {
      reviews.increment({ outcome });
      took.observe(milliseconds / 1000);
    },
  });
  const service = `${options.serviceName ?? name}.${namespace}.svc`;
  const certificate = new SharedCertificate(parts, {
    secret: { namespace, name: options.secretName ?? `${name}-certificate` },
    server: { commonName: name, ...namesOf([service, ...(options.serverNames ?? [])]) },
    onCertificate: async (current, signal) => {
      await prepare?.(signal);
      // First whom to trust, then what to trust.
      const announced = { name: options.configurationName ?? configurationName, authorities: current.authorities };
      await announceAuthorities(parts.store, announced, signal);
      await server.serveWith(current);
    },
  });
  vitals.requires('serving', () => (server.isListening ? undefined : 'there is no certificate yet'));
  await vitals.start();
  certificate.start();
  return {
    port: () => server.port,
    stop: async () => {
      await certificate.stop();
      await server.stop();
      await vitals.stop();
      await parts.store.close();
    },
  };
}

function namesOf(all: readonly string[]): { names: string[]; addresses: Uint8Array[] } {
  return {
    names: all.filter((name) => isIP(name) === 0),
    addresses: all.filter((name) => isIP(name) === 4).map((address) => Buffer.from(address.split('.').map(Number))),
  };
}
