import { writeAtomically } from '../atomic-file.ts';

const NAME = 'fermata';

export interface KubeconfigContent {
  /** `https://127.0.0.1:port` */
  url: string;
  /** PEM of the authority that signed the server's certificate. */
  authority: string;
  token: string;
}

/**
 * Writes a kubeconfig (0600, it holds the token) whose cluster, user and context are all called `fermata`. JSON is YAML,
 * so every client reads it.
 */
export function writeKubeconfig(path: string, content: KubeconfigContent): void {
  const authority = Buffer.from(content.authority).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': NAME,
    clusters: [{ name: NAME, cluster: { server: content.url, 'certificate-authority-data': authority } }],
    users: [{ name: NAME, user: { token: content.token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace: 'default' } }],
  };
  writeAtomically(path, `${JSON.stringify(kubeconfig, undefined, 2)}\n`);
}
