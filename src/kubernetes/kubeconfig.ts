import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { FermataError, reasonOf } from '../model/index.ts';

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
  /** An HTTP proxy on the way to the server, e.g. `http://proxy.example:3128`. */
  proxyUrl?: string;
  /** Whom to act as (`as`, `as-uid`, `as-groups`, `as-user-extra`), as the headers that say so. */
  impersonation?: Readonly<Record<string, string | string[]>>;
  /** Namespace of the context. */
  namespace?: string;
  /** Name of the context, or `in-cluster`. */
  context?: string;
  /** Headers for one request, for credentials that have to be renewed (exec plugins). */
  authorize?: () => Promise<Record<string, string>>;
  /** The server refused what {@link authorize} gave: the next call gets it anew. */
  authorizationRefused?: () => void;
}

/** {@link ClusterAccess.context} of a pod's own service account. */
export const IN_CLUSTER = 'in-cluster';

export interface KubeconfigOptions {
  /** A file; instead of what `environment` says. */
  path?: string;
  /** Name of a context; default: the file's `current-context`. */
  context?: string;
  /** Default: the process's. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  serviceAccountDirectory?: string;
}

type Fields = Record<string, unknown>;

/** An entry of one of the lists of a kubeconfig, and the file it stands in: relative paths start there. */
interface Entry {
  file: string;
  /** e.g. `users[name=admin].user` */
  at: string;
  fields: Fields;
}

interface Merged {
  files: string[];
  currentContext: string | undefined;
  clusters: Map<string, Entry>;
  users: Map<string, Entry>;
  contexts: Map<string, Entry>;
}

/**
 * Reads a kubeconfig as kubectl does: `path`, else the files of $KUBECONFIG (the first to say something wins), else
 * ~/.kube/config, else, inside a pod, its service account. Throws FermataError: KubeconfigMissing, KubeconfigInvalid (file
 * and field are named). Exec plugins and auth providers go through @kubernetes/client-node, loaded only then.
 */
export async function loadKubeconfig(options: KubeconfigOptions = {}): Promise<ClusterAccess> {
  const environment = options.environment ?? process.env;
  const home = join(environment.HOME ?? homedir(), '.kube', 'config');
  const listed = (environment.KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  const files = options.path === undefined ? (listed.length > 0 ? listed : [home]) : [options.path];
  const merged = await readAll(files, options.path !== undefined);
  if (merged.files.length === 0) {
    const inCluster = options.context === undefined ? await inClusterAccess(environment, options) : undefined;
    if (inCluster !== undefined) return inCluster;
    throw new FermataError('KubeconfigMissing', `there is no kubeconfig: ${files.join(', ')} cannot be found`, {
      nextStep: 'Name one with --kubeconfig or $KUBECONFIG, or start a sandbox with `fermata up`.',
    });
  }
  const name = options.context ?? merged.currentContext;
  if (!name) throw invalid(merged.files.join(', '), 'current-context', 'is not set, and no --context was given');
  const context = merged.contexts.get(name);
  if (context === undefined) {
    const known = [...merged.contexts.keys()].join(', ') || 'none';
    throw invalid(merged.files.join(', '), `contexts[name=${name}]`, `does not exist; there are: ${known}`);
  }
  const cluster = referred(context, 'cluster', merged.clusters);
  const user = context.fields.user === undefined ? undefined : referred(context, 'user', merged.users);
  const namespace = text(context, 'namespace');
  return {
    ...(await clusterAccess(cluster)),
    ...(user === undefined ? {} : await userAccess(user, cluster)),
    ...(namespace === undefined ? {} : { namespace }),
    context: name,
  };
}

async function readAll(files: readonly string[], required: boolean): Promise<Merged> {
  const merged: Merged = {
    files: [],
    currentContext: undefined,
    clusters: new Map(),
    users: new Map(),
    contexts: new Map(),
  };
  for (const file of files) {
    const content = await readText(file, required);
    if (content === undefined) continue;
    merged.files.push(file);
    const document = parsed(file, content);
    const current = document['current-context'];
    merged.currentContext ??= typeof current === 'string' && current !== '' ? current : undefined;
    collect(merged.clusters, file, document, 'clusters', 'cluster');
    collect(merged.users, file, document, 'users', 'user');
    collect(merged.contexts, file, document, 'contexts', 'context');
  }
  return merged;
}

async function readText(file: string, required: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    // As kubectl: files of a list that do not exist are passed over.
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FermataError('KubeconfigMissing', `kubeconfig ${file} cannot be read: ${reasonOf(error)}`, {
      cause: error,
      nextStep: 'Check the path and who may read the file.',
    });
  }
}

function parsed(file: string, content: string): Fields {
  let document: unknown;
  try {
    document = parse(content, { logLevel: 'error' });
  } catch (error) {
    // Further lines of the parser's message show those of the file, which may hold a token or a key.
    const [what = ''] = reasonOf(error).split('\n');
    throw invalid(file, '', `is not YAML: ${what.replace(/:$/, '')}`);
  }
  if (document === null) return {};
  if (!isFields(document)) throw invalid(file, '', 'is not a kubeconfig: it holds no fields');
  return document;
}

function collect(entries: Map<string, Entry>, file: string, document: Fields, list: string, member: string): void {
  const items = document[list] ?? [];
  if (!Array.isArray(items)) throw invalid(file, list, 'must be a list');
  items.forEach((item: unknown, index) => {
    const name = isFields(item) ? item.name : undefined;
    if (!isFields(item) || typeof name !== 'string' || name === '') {
      throw invalid(file, `${list}[${index}].name`, 'must be set');
    }
    const fields = item[member] ?? {};
    const at = `${list}[name=${name}].${member}`;
    if (!isFields(fields)) throw invalid(file, at, 'must hold fields');
    if (!entries.has(name)) entries.set(name, { file, at, fields });
  });
}

function referred(context: Entry, member: 'cluster' | 'user', entries: Map<string, Entry>): Entry {
  const name = text(context, member);
  const entry = name === undefined ? undefined : entries.get(name);
  if (entry !== undefined) return entry;
  const why = name === undefined ? 'must be set' : `names ${member} "${name}", which does not exist`;
  throw invalid(context.file, `${context.at}.${member}`, why);
}

async function clusterAccess(cluster: Entry): Promise<ClusterAccess> {
  const server = text(cluster, 'server');
  const url = server === undefined ? null : URL.parse(server);
  if (server === undefined || url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid(
      cluster.file,
      `${cluster.at}.server`,
      `must be an http or https URL, and is ${JSON.stringify(server)}`,
    );
  }
  const proxyUrl = text(cluster, 'proxy-url');
  if (proxyUrl !== undefined && !/^https?:$/.test(URL.parse(proxyUrl)?.protocol ?? '')) {
    throw invalid(
      cluster.file,
      `${cluster.at}.proxy-url`,
      'must be an http or https URL; other proxies are not supported',
    );
  }
  const ca = await inlineOrFile(cluster, 'certificate-authority');
  const tlsServerName = text(cluster, 'tls-server-name');
  return {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(cluster.fields['insecure-skip-tls-verify'] === true ? { insecureSkipTLSVerify: true } : {}),
  };
}

async function userAccess(user: Entry, cluster: Entry): Promise<Partial<ClusterAccess>> {
  const impersonation = impersonationHeaders(user);
  return {
    ...(await credentials(user, cluster)),
    ...(Object.keys(impersonation).length === 0 ? {} : { impersonation }),
  };
}

/** Kubernetes' documentation, "User impersonation". */
function impersonationHeaders(user: Entry): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const [name, uid] = [text(user, 'as'), text(user, 'as-uid')];
  const { 'as-groups': groups, 'as-user-extra': extra } = user.fields;
  if (name !== undefined) headers['impersonate-user'] = name;
  if (uid !== undefined) headers['impersonate-uid'] = uid;
  if (groups !== undefined) headers['impersonate-group'] = texts(user, 'as-groups', groups);
  if (extra !== undefined && !isFields(extra)) throw invalid(user.file, `${user.at}.as-user-extra`, 'must hold fields');
  for (const [key, values] of Object.entries(extra ?? {})) {
    headers[`impersonate-extra-${encodeURIComponent(key)}`] = texts(user, `as-user-extra.${key}`, values);
  }
  if (name === undefined && Object.keys(headers).length > 0) {
    throw invalid(user.file, `${user.at}.as`, 'must be set where as-uid, as-groups or as-user-extra is');
  }
  return headers;
}

function texts({ file, at }: Entry, field: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw invalid(file, `${at}.${field}`, 'must be a list of texts');
}

async function credentials(user: Entry, cluster: Entry): Promise<Partial<ClusterAccess>> {
  if (user.fields.exec !== undefined || user.fields['auth-provider'] !== undefined) {
    const { externalCredentials } = await import('./external-credentials.ts');
    return externalCredentials(user.fields, cluster.fields, `${user.file}: ${user.at}`);
  }
  const clientCert = await inlineOrFile(user, 'client-certificate');
  const clientKey = await inlineOrFile(user, 'client-key');
  const [token, tokenFile] = [text(user, 'token'), text(user, 'tokenFile')];
  const [username, password] = [text(user, 'username'), text(user, 'password')];
  if ((clientCert === undefined) !== (clientKey === undefined)) {
    const missing = clientCert === undefined ? 'client-certificate' : 'client-key';
    throw invalid(user.file, `${user.at}.${missing}`, 'is missing: certificate and key belong together');
  }
  return {
    ...(clientCert === undefined ? {} : { clientCert }),
    ...(clientKey === undefined ? {} : { clientKey }),
    ...(token === undefined ? {} : { token }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(dirname(user.file), tokenFile) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** `<field>-data`, base64, or the content of the file `<field>` names, relative to the kubeconfig. */
async function inlineOrFile(entry: Entry, field: string): Promise<string | undefined> {
  const data = text(entry, `${field}-data`);
  if (data !== undefined) {
    const decoded = Buffer.from(data, 'base64').toString();
    if (!decoded.includes('-----BEGIN')) throw invalid(entry.file, `${entry.at}.${field}-data`, 'is not base64 of PEM');
    return decoded;
  }
  const path = text(entry, field);
  if (path === undefined) return undefined;
  const file = resolve(dirname(entry.file), path);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw invalid(entry.file, `${entry.at}.${field}`, `cannot be read: ${reasonOf(error)}`, error);
  }
}

const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

async function inClusterAccess(
  environment: NonNullable<KubeconfigOptions['environment']>,
  options: KubeconfigOptions,
): Promise<ClusterAccess | undefined> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (!host) return undefined;
  const directory = options.serviceAccountDirectory ?? SERVICE_ACCOUNT_DIRECTORY;
  const ca = await readText(join(directory, 'ca.crt'), true);
  const namespace = (await readText(join(directory, 'namespace'), false))?.trim();
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...(ca === undefined ? {} : { ca }),
    tokenFile: join(directory, 'token'),
    ...(namespace === undefined ? {} : { namespace }),
    context: IN_CLUSTER,
  };
}

function text({ file, at, fields }: Entry, field: string): string | undefined {
  const value = fields[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(file, `${at}.${field}`, 'must be text');
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(file: string, field: string, why: string, cause?: unknown): FermataError {
  const subject = field === '' ? `kubeconfig ${file}` : `kubeconfig ${file}: ${field}`;
  return new FermataError('KubeconfigInvalid', `${subject} ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    nextStep: 'Correct the file, or name another one with --kubeconfig.',
  });
}
