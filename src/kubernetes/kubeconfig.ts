/** What it takes to talk to one API server. */
export interface ClusterAccess {
  /** e.g. `https://127.0.0.1:6443` */
  server: string;
  /** Certificate authorities, PEM. */
  ca?: string;
  /** Name to expect in the server's certificate, instead of the host of `server`. */
  tlsServerName?: string;
  insecureSkipTLSVerify?: boolean;
  token?: string;
  /** Read again when it changes: service account tokens rotate. Goes before `token`. */
  tokenFile?: string;
  /** PEM. */
  clientCert?: string;
  /** PEM. */
  clientKey?: string;
  username?: string;
  password?: string;
  /** Namespace of the context. */
  namespace?: string;
  /** Name of the context, or `in-cluster`. */
  context?: string;
  /** Headers for one request, for auth that has to be renewed (exec plugins). */
  authorize?: (signal?: AbortSignal) => Promise<Record<string, string>>;
}

/** Reads the kubeconfig as kubectl does: `path`, else $KUBECONFIG (a list), else ~/.kube/config, else in-cluster. */
export function loadKubeconfig(_options: { path?: string; context?: string } = {}): Promise<ClusterAccess> {
  throw new Error('not finished');
}
