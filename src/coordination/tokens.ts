import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * A token lets its bearer take part in one session, as one member or (member '') as any, until it expires. It is a MAC over
 * just that, so the coordinator keeps none: used for another session, for another member or too late it does not fit.
 * Form: `v1.<expiry, seconds since the epoch>.<64 hex>`.
 */
export function issueToken(
  secret: string,
  grant: { session: string; member?: string; expiresAtSeconds: number },
): string {
  const { session, member = '', expiresAtSeconds } = grant;
  return `v1.${expiresAtSeconds}.${mac(secret, session, member, expiresAtSeconds)}`;
}

/** Whether the token admits this member of this session at `now` (ms since the epoch). */
export function admits(
  secret: string,
  token: string | undefined,
  claim: { session: string; member: string },
  now: number,
): boolean {
  const match = /^v1\.(\d{1,12})\.([0-9a-f]{64})$/.exec(token ?? '');
  if (match === null) return false;
  const expires = Number(match[1]);
  if (expires * 1000 <= now) return false;
  const given = Buffer.from(match[2] ?? '', 'hex');
  return ['', claim.member].some((member) =>
    timingSafeEqual(given, Buffer.from(mac(secret, claim.session, member, expires), 'hex')),
  );
}

function mac(secret: string, session: string, member: string, expires: number): string {
  // JSON keeps the parts apart, whatever characters they hold.
  return createHmac('sha256', secret)
    .update(JSON.stringify(['fermata-coordination', session, member, expires]))
    .digest('hex');
}
