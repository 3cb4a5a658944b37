/** Where the agents keep copies of checkpoints. Only names and places: what is secret stays in Secrets of Fermata's namespace. */
export interface StorageOptions {
  /** `s3://BUCKET/PREFIX`, `oci://REGISTRY/REPOSITORY`, or a folder as the agent sees it (`/host/…` on the node). */
  url: string;
  /** Further ones that policies may name. */
  allow: readonly string[];
  /** Secret that holds the files of `fermata keys create`. */
  keysSecret: string;
  /** ConfigMap whose `recipients.txt` names who can read what is stored (age, X.509); undefined: only where a policy encrypts. */
  recipientsConfigMap: string | undefined;
  /** Secret with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; undefined: the node's or the service account's identity. */
  s3CredentialsSecret: string | undefined;
  /** Secret of type `kubernetes.io/dockerconfigjson`; undefined: registries are asked anonymously. */
  registryCredentialsSecret: string | undefined;
  /** `wipe`: data leaves the node once the store has it; undefined: it stays. */
  localCopies: string | undefined;
  /** How full, e.g. `85%`, the disk of the checkpoints may be before what the store has goes from it; undefined: however full. */
  diskHigh: string | undefined;
}

export const DEFAULT_KEYS_SECRET = 'fermata-keys';

/** What an agent's container has beside the rest. */
export interface AgentParts {
  flags: readonly string[];
  env: readonly object[];
  volumeMounts: readonly object[];
  volumes: readonly object[];
}

const NOTHING: AgentParts = { flags: [], env: [], volumeMounts: [], volumes: [] };
const FOLDER = '/etc/fermata';
/** What the client's default chain reads; all but the first two are optional. */
const S3_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION'];

/** By the option that asks for it, in their order. */
export function agentStorage(options: StorageOptions): AgentParts[] {
  const { recipientsConfigMap, s3CredentialsSecret, registryCredentialsSecret, localCopies, diskHigh } = options;
  return [
    store(options),
    ...(options.allow.length === 0 ? [] : [{ ...NOTHING, flags: ['--allow-store', ...options.allow] }]),
    ...(recipientsConfigMap === undefined ? [] : [recipients(recipientsConfigMap)]),
    ...(s3CredentialsSecret === undefined ? [] : [s3Credentials(s3CredentialsSecret)]),
    ...(registryCredentialsSecret === undefined ? [] : [registryCredentials(registryCredentialsSecret)]),
    ...(localCopies === undefined ? [] : [{ ...NOTHING, flags: ['--local-copies', localCopies] }]),
    ...(diskHigh === undefined ? [] : [{ ...NOTHING, flags: ['--disk-high', diskHigh] }]),
  ];
}

function store({ url, keysSecret }: StorageOptions): AgentParts {
  return {
    ...mounted('keys', { secret: { secretName: keysSecret, defaultMode: 0o400 } }),
    flags: ['--store', url, '--keys', `${FOLDER}/keys`],
  };
}

function recipients(configMap: string): AgentParts {
  return {
    ...mounted('recipients', { configMap: { name: configMap } }),
    flags: ['--encrypt-to', `${FOLDER}/recipients/recipients.txt`],
  };
}

function s3Credentials(secret: string): AgentParts {
  const env = S3_VARIABLES.map((name, index) => ({
    name,
    valueFrom: { secretKeyRef: { name: secret, key: name, ...(index > 1 && { optional: true }) } },
  }));
  return { ...NOTHING, env };
}

function registryCredentials(secret: string): AgentParts {
  const items = [{ key: '.dockerconfigjson', path: 'config.json' }];
  return {
    ...mounted('registry', { secret: { secretName: secret, defaultMode: 0o400, items } }),
    env: [{ name: 'DOCKER_CONFIG', value: `${FOLDER}/registry` }],
  };
}

function mounted(name: string, source: object): AgentParts {
  return {
    ...NOTHING,
    volumeMounts: [{ name, mountPath: `${FOLDER}/${name}`, readOnly: true }],
    volumes: [{ name, ...source }],
  };
}
