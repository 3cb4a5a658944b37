import { FermataError } from '../../model/index.ts';

/** What a JSON web token of Slurm says of itself (RFC 7519; slurm's auth/jwt puts the user into `sun`). */
export interface TokenClaims {
  user?: string;
  /** Milliseconds. */
  expires?: number;
}

/** @throws FermataError `SiteRefused` for what is no such token */
export function readToken(token: string): TokenClaims {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      sun?: unknown;
      exp?: unknown;
    };
    return {
      ...(typeof claims.sun === 'string' ? { user: claims.sun } : {}),
      ...(typeof claims.exp === 'number' ? { expires: claims.exp * 1000 } : {}),
    };
  } catch (cause) {
    throw new FermataError('SiteRefused', 'what was given as token for slurmrestd is no JSON web token', {
      cause,
      nextStep: HOW_TO_GET_ONE,
    });
  }
}

/**
 * Name and token as slurmrestd wants them. The server itself answers an expired token with "slurmctld config is unable to load"
 * (22.05), which says nothing: so the token is looked at here.
 *
 * @param now milliseconds
 * @throws FermataError `SiteRefused` when the token has expired, or names no user and none was given
 */
export function tokenHeaders(token: string, user: string | undefined, now: number): Record<string, string> {
  const claims = readToken(token);
  if (claims.expires !== undefined && claims.expires <= now) {
    throw new FermataError(
      'SiteRefused',
      `the token for slurmrestd has expired at ${new Date(claims.expires).toISOString()}`,
      { nextStep: HOW_TO_GET_ONE },
    );
  }
  const name = user ?? claims.user;
  if (name === undefined) {
    throw new FermataError('SiteRefused', 'the token for slurmrestd names no user', {
      nextStep: 'name the account there with --rest-user',
    });
  }
  return { 'x-slurm-user-name': name, 'x-slurm-user-token': token };
}

const HOW_TO_GET_ONE =
  'get one at the site with: scontrol token lifespan=SECONDS, and put it into SLURM_JWT or the file of --token-file, which is read again for each request';
