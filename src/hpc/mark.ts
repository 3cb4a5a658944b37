import { createHash } from 'node:crypto';

/**
 * The mark by which an incarnation of the connector finds the job that an earlier one submitted: a digest of what stays the
 * same over incarnations (the Kubernetes Job's UID and the index of its completion), 12 hexadecimal digits. Each try after one that failed has its own.
 */
export function markOf(identity: string, attempt = 1): string {
  return createHash('sha256')
    .update(attempt === 1 ? identity : `${identity}#${attempt}`)
    .digest('hex')
    .slice(0, 12);
}

/** The job's name in the batch system: letters, digits, `.`, `_`, `-`, no leading digit (Grid Engine), the mark at its end. */
export function jobNameOf(name: string, mark: string): string {
  const clean = name.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^(?=[^A-Za-z])/, 'j');
  return `${clean.slice(0, 40)}-${mark}`;
}
