import type { Dispatcher } from 'undici';
import type { RegistryCredentials } from './registry-credentials.ts';

/** A registry's token lives for 60 s at least; each is used for less than that unless the registry says more. */
const TOKEN_MILLISECONDS = 50_000;

interface Token {
  header: string;
  until: number;
}

/**
 * What goes into `Authorization`, once a registry has asked for it: a name and password, or a token fetched with them
 * (https://distribution.github.io/distribution/spec/auth/token).
 */
export class RegistryAuthorization {
  readonly #dispatcher: Dispatcher;
  readonly #credentials: () => Promise<RegistryCredentials | undefined>;
  readonly #now: () => number;
  readonly #secure: boolean;
  #token: Token | undefined;

  constructor(
    dispatcher: Dispatcher,
    credentials: () => Promise<RegistryCredentials | undefined>,
    options: { now: () => number; secure: boolean },
  ) {
    this.#dispatcher = dispatcher;
    this.#credentials = credentials;
    this.#now = options.now;
    this.#secure = options.secure;
  }

  /** The header for the next request; undefined as long as the registry wants none. */
  get header(): string | undefined {
    return this.#token !== undefined && this.#now() < this.#token.until ? this.#token.header : undefined;
  }

  /** Answers a challenge (`WWW-Authenticate`). False when there is nothing to answer it with. */
  async answer(challenge: string, scope: string, signal: AbortSignal | undefined): Promise<boolean> {
    const credentials = await this.#credentials();
    if (/^basic\b/i.test(challenge)) {
      if (credentials === undefined) return false;
      this.#token = { header: basic(credentials), until: Number.POSITIVE_INFINITY };
      return true;
    }
    const parameters = new Map(
      [...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map((match) => [(match[1] ?? '').toLowerCase(), match[2] ?? '']),
    );
    const realm = parameters.get('realm');
    if (!/^bearer\b/i.test(challenge) || realm === undefined) return false;
    const url = new URL(realm);
    // A registry must not be able to send credentials that came to it encrypted anywhere in the clear.
    if (this.#secure && url.protocol !== 'https:') return false;
    const service = parameters.get('service') ?? '';
    const answer =
      credentials?.identityToken === undefined
        ? await this.#fetchWithPassword(url, service, scope, credentials, signal)
        : await this.#fetchWithRefreshToken(url, service, scope, credentials.identityToken, signal);
    if (answer.statusCode !== 200) {
      await answer.body.dump();
      return false;
    }
    const { token, access_token, expires_in } = (await answer.body.json()) as Record<string, unknown>;
    const bearer = token ?? access_token;
    if (typeof bearer !== 'string') return false;
    const lasts = typeof expires_in === 'number' ? Math.max(expires_in * 800, 1000) : TOKEN_MILLISECONDS;
    this.#token = { header: `Bearer ${bearer}`, until: this.#now() + lasts };
    return true;
  }

  #fetchWithPassword(
    url: URL,
    service: string,
    scope: string,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    url.searchParams.set('service', service);
    url.searchParams.set('scope', scope);
    return this.#dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: credentials === undefined ? {} : { authorization: basic(credentials) },
      ...(signal === undefined ? {} : { signal }),
    });
  }

  #fetchWithRefreshToken(
    url: URL,
    service: string,
    scope: string,
    refreshToken: string,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    const form = { grant_type: 'refresh_token', service, scope, client_id: 'fermata', refresh_token: refreshToken };
    return this.#dispatcher.request({
      origin: url.origin,
      path: url.pathname,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function basic({ username, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
