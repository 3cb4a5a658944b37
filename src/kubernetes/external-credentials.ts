import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { FermataError, reasonOf } from '../model/index.ts';
import type { ClusterAccess } from './kubeconfig.ts';

/**
 * Credentials of an exec plugin or an auth provider, by @kubernetes/client-node, which keeps and renews them. This module is
 * loaded only when a kubeconfig asks for it: the package takes about a second to load.
 */
export async function externalCredentials(
  user: Record<string, unknown>,
  cluster: Record<string, unknown>,
  where: string,
): Promise<Partial<ClusterAccess>> {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromString(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'cluster', cluster }],
        users: [{ name: 'user', user }],
        contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
        'current-context': 'context',
      }),
    );
    return config;
  };
  // It keeps a token until that expires, or for ever where no time is given.
  let config = load();
  const credentials = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new FermataError('CredentialsUnavailable', `${where}: no credentials could be had: ${reasonOf(error)}`, {
        cause: error,
        nextStep: 'Run the command of the exec plugin by hand to see what it says; kubectl uses the same one.',
      });
    }
    return options;
  };
  const { cert, key } = await credentials();
  return {
    ...(cert === undefined ? {} : { clientCert: String(cert) }),
    ...(key === undefined ? {} : { clientKey: String(key) }),
    authorizationRefused: () => {
      config = load();
    },
    authorize: async () => {
      const { headers } = await credentials();
      const entries = Object.entries(headers ?? {}).flatMap(([name, value]): [string, string][] =>
        value === undefined ? [] : [[name.toLowerCase(), String(value)]],
      );
      return Object.fromEntries(entries);
    },
  };
}
