import {
  BATCH_JOBS,
  type ConnectorSettings,
  OverflowController,
  reviewJob,
  reviewOverflowPod,
} from '../bursting/index.ts';
import { EventRecorder, isApiError } from '../kubernetes/index.ts';
import { NODES } from '../model/index.ts';
import { type AdmissionRoleOptions, serveAdmission } from './admission.ts';
import { connect, type Running } from './role.ts';

export interface HpcWebhookOptions extends AdmissionRoleOptions {
  connector: ConnectorSettings;
  /** How long a pod waits for room where its Job does not say; milliseconds. */
  overflowAfter: number;
}

export const HPC_WEBHOOK = 'fermata-hpc-webhook';

/** Jobs that bear the label `fermata.dev/hpc` go out to an HPC site, at once or when there is no room. Several replicas may run. */
export async function startHpcWebhook(options: HpcWebhookOptions): Promise<Running & { port(): number }> {
  const role = await connect('hpc-webhook', options);
  const { store } = role;
  const { connector: settings } = options;
  const events = new EventRecorder(role, { component: HPC_WEBHOOK });
  const overflow = new OverflowController({ ...role, events }, { after: options.overflowAfter });
  const admission = await serveAdmission(role, options, {
    name: HPC_WEBHOOK,
    configurationName: 'fermata-hpc',
    handlers: {
      '/jobs': (request, signal) =>
        reviewJob({ settings, nodes: async () => (await store.list(NODES, { signal })).items }, request),
      '/pods': (request, signal) =>
        reviewOverflowPod(
          {
            settings,
            job: (key) =>
              store.get(BATCH_JOBS, key, { signal }).catch((error: unknown) => {
                if (isApiError(error, 'NotFound')) return undefined;
                throw error;
              }),
          },
          request,
        ),
    },
  });
  overflow.start();
  return {
    port: admission.port,
    stop: async () => {
      await overflow.stop();
      await events.flush();
      await admission.stop();
    },
  };
}
