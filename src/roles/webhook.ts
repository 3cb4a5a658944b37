import { isIP } from 'node:net';
import { PodIdentity, reviewPod } from '../controllers/index.ts';
import { AdmissionServer, announceAuthorities, keepsSchedulingGates, SharedCertificate } from '../kubernetes/index.ts';
import { exponentialBuckets } from '../metrics/index.ts';
import { type ClusterOptions, connect, type Running } from './role.ts';

export interface WebhookRoleOptions extends ClusterOptions {
  /** Default {@link DEFAULT_WEBHOOK_PORT}. */
  port?: number;
  /** Of Service and Secret. Default: the namespace of the pod this runs in, else `fermata-system`. */
  namespace?: string;
  /** The Service by which the API server reaches it. Default `fermata-webhook`. */
  serviceName?: string;
  /** Further names and addresses for its certificate, where the API server reaches it otherwise. */
  serverNames?: readonly string[];
  /** The MutatingWebhookConfiguration. Default `fermata`. */
  configurationName?: string;
  /** Default `fermata-webhook-certificate`. */
  secretName?: string;
  /** Of Fermata's scheduler. Default `fermata`. */
  schedulerNames?: readonly string[];
}

export const DEFAULT_WEBHOOK_PORT = 9443;
/** The API server waits 10 s for a webhook unless told otherwise. */
const LONGEST_REVIEW_MILLISECONDS = 8_000;

/** The admission webhook: makes the pods that replace suspended ones their next incarnations. Several replicas may run. */
export async function startWebhook(options: WebhookRoleOptions): Promise<Running & { port(): number }> {
  const { podNamespace, vitals, ...parts } = await connect('webhook', options);
  const namespace = options.namespace ?? podNamespace ?? 'fermata-system';
  const { serviceName = 'fermata-webhook', schedulerNames = ['fermata'] } = options;
  const service = `${serviceName}.${namespace}.svc`;
  let knowsGates: boolean | undefined;
  const identity = new PodIdentity(parts, () => ({ knowsGates: knowsGates === true, schedulerNames }));
  const reviews = vitals.metrics.counter('fermata_admission_reviews_total', 'Pods reviewed, by outcome.', ['outcome']);
  const took = vitals.metrics.histogram(
    'fermata_admission_review_duration_seconds',
    'Time to answer the API server.',
    exponentialBuckets(0.001, 2, 13),
  );
  const server = new AdmissionServer(parts, {
    port: options.port ?? DEFAULT_WEBHOOK_PORT,
    handlers: {
      '/pods': (request, signal) => {
        if (knowsGates === undefined) throw new Error('it is not known yet what the API server can do');
        const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_REVIEW_MILLISECONDS)]);
        return reviewPod(
          { identity, isAllowed: (spec) => parts.store.isAllowed(spec, { signal: limit }) },
          request,
          limit,
        );
      },
    },
    onAnswer: (_path, outcome, milliseconds) => {
      reviews.increment({ outcome });
      took.observe(milliseconds / 1000);
    },
  });
  const { names, addresses } = namesOf([service, ...(options.serverNames ?? [])]);
  const certificate = new SharedCertificate(parts, {
    secret: { namespace, name: options.secretName ?? 'fermata-webhook-certificate' },
    server: { commonName: 'fermata-webhook', names, addresses },
    onCertificate: async (current, signal) => {
      knowsGates = keepsSchedulingGates(await parts.store.version({ signal }));
      const name = options.configurationName ?? 'fermata';
      // First whom to trust, then what to trust.
      await announceAuthorities(parts.store, { name, authorities: current.authorities }, signal);
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
