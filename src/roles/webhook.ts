import { PodIdentity, reviewPod } from '../controllers/index.ts';
import { keepsSchedulingGates } from '../kubernetes/index.ts';
import { type AdmissionRoleOptions, serveAdmission } from './admission.ts';
import { connect, type Running } from './role.ts';

export interface WebhookRoleOptions extends AdmissionRoleOptions {
  /** Of Fermata's scheduler. Default `fermata`. */
  schedulerNames?: readonly string[];
}

/** The admission webhook: makes the pods that replace suspended ones their next incarnations. Several replicas may run. */
export async function startWebhook(options: WebhookRoleOptions): Promise<Running & { port(): number }> {
  const role = await connect('webhook', options);
  const { store } = role;
  const { schedulerNames = ['fermata'] } = options;
  let knowsGates: boolean | undefined;
  const identity = new PodIdentity(role, () => ({ knowsGates: knowsGates === true, schedulerNames }));
  return await serveAdmission(role, options, {
    name: 'fermata-webhook',
    configurationName: 'fermata',
    handlers: {
      '/pods': (request, signal) => {
        if (knowsGates === undefined) throw new Error('it is not known yet what the API server can do');
        return reviewPod({ identity, isAllowed: (spec) => store.isAllowed(spec, { signal }) }, request, signal);
      },
    },
    prepare: async (signal) => {
      knowsGates = keepsSchedulingGates(await store.version({ signal }));
    },
  });
}
