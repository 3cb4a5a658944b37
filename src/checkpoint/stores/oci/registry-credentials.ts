import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface RegistryCredentials {
  username: string;
  password: string;
  /** An OAuth2 refresh token in place of both. */
  identityToken?: string;
}

interface DockerConfiguration {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

/**
 * Where `docker login` and `podman login` leave credentials, in the order in which they are looked at
 * (containers-auth.json(5), docker's config.json).
 */
export function credentialFiles(environment: NodeJS.ProcessEnv): string[] {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, DOCKER_CONFIG } = environment;
  if (REGISTRY_AUTH_FILE !== undefined) return [REGISTRY_AUTH_FILE];
  const home = environment.HOME ?? homedir();
  return [
    ...(DOCKER_CONFIG === undefined ? [] : [join(DOCKER_CONFIG, 'config.json')]),
    ...(XDG_RUNTIME_DIR === undefined ? [] : [join(XDG_RUNTIME_DIR, 'containers', 'auth.json')]),
    join(home, '.config', 'containers', 'auth.json'),
    join(home, '.docker', 'config.json'),
  ];
}

/** Credentials for a registry (`host[:port]`), of the most specific entry; undefined when nobody logged in. */
export async function findRegistryCredentials(
  host: string,
  repository: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<RegistryCredentials | undefined> {
  for (const file of credentialFiles(environment)) {
    const text = await readFile(file, 'utf8').catch(unlessMissing);
    if (text === undefined) continue;
    const found = await credentialsIn(JSON.parse(text) as DockerConfiguration, host, repository);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function credentialsIn(
  configuration: DockerConfiguration,
  host: string,
  repository: string,
): Promise<RegistryCredentials | undefined> {
  const entry = candidates(host, repository)
    .map((name) => configuration.auths?.[name])
    .find((found) => found?.auth !== undefined || found?.username !== undefined || found?.identitytoken !== undefined);
  if (entry !== undefined) {
    const [username = '', ...rest] = Buffer.from(entry.auth ?? '', 'base64')
      .toString('utf8')
      .split(':');
    return {
      username: entry.username ?? username,
      password: entry.password ?? rest.join(':').replace(/\0+$/, ''),
      ...(entry.identitytoken === undefined ? {} : { identityToken: entry.identitytoken }),
    };
  }
  const helper = configuration.credHelpers?.[host] ?? configuration.credsStore;
  return helper === undefined ? undefined : askHelper(helper, host);
}

/** `registry/a/b`, `registry/a`, `registry`, and as old clients wrote it. */
function candidates(host: string, repository: string): string[] {
  const parts = repository.split('/');
  const narrowing = parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join('/'));
  return [...narrowing, host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`];
}

/** https://github.com/docker/docker-credential-helpers: the host goes in by standard input, so that nothing is in a process list. */
function askHelper(helper: string, host: string): Promise<RegistryCredentials | undefined> {
  return new Promise((resolve, reject) => {
    const child = execFile(`docker-credential-${helper}`, ['get'], { timeout: 30_000 }, (error, stdout) => {
      if (error !== null) {
        if (/credentials not found/i.test(stdout)) resolve(undefined);
        else reject(new Error(`docker-credential-${helper} failed`, { cause: error }));
        return;
      }
      const { Username: username = '', Secret: password = '' } = JSON.parse(stdout) as Record<string, string>;
      resolve(
        username === '<token>' ? { username: '', password: '', identityToken: password } : { username, password },
      );
    });
    child.stdin?.on('error', () => undefined).end(host); // it may end without reading
  });
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
    return undefined;
  }
  throw error;
}
