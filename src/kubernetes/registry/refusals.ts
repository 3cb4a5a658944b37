import type { ResourceType } from '../../model/index.ts';
import { ApiError } from '../api-error.ts';
import type { FieldProblem } from './kinds.ts';

/** Refusals in the words of a Kubernetes API server (`k8s.io/apimachinery/pkg/api/errors`): clients match on some of them. */

type Named = Pick<ResourceType, 'group' | 'plural' | 'kind'>;

/** `podcheckpoints.fermata.dev`, or `pods`. */
export function qualified(type: Named): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

function detailsOf(type: Named, name: string): { name: string; kind: string; group?: string } {
  return { name, kind: type.plural, ...(type.group === '' ? {} : { group: type.group }) };
}

export function notServed(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource');
}

export function notFound(type: Named, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(type)} "${name}" not found`, { details: detailsOf(type, name) });
}

export function alreadyExists(type: Named, name: string): ApiError {
  return new ApiError('AlreadyExists', `${qualified(type)} "${name}" already exists`, {
    details: detailsOf(type, name),
  });
}

export function conflict(type: Named, name: string, why: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`, {
    details: detailsOf(type, name),
  });
}

export const MODIFIED_MEANWHILE =
  'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(
  type: Named,
  name: string,
  why: string,
  causes?: { reason?: string; message?: string; field?: string }[],
): ApiError {
  return new ApiError('Forbidden', `${qualified(type)} "${name}" is forbidden: ${why}`, {
    details: { ...detailsOf(type, name), ...(causes === undefined ? {} : { causes }) },
  });
}

export function badRequest(why: string): ApiError {
  return new ApiError('BadRequest', why);
}

export function invalid(type: Named, name: string, problems: readonly FieldProblem[]): ApiError {
  const kind = type.group === '' ? type.kind : `${type.kind}.${type.group}`;
  const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new ApiError('Invalid', `${kind} "${name}" is invalid: ${list}`, {
    details: {
      name,
      kind: type.kind,
      ...(type.group === '' ? {} : { group: type.group }),
      causes: problems.map(({ path, message, reason }) => ({
        reason: reason ?? 'FieldValueInvalid',
        message,
        field: path,
      })),
    },
  });
}

/** A watch, or the next page of a list, from before the history that is kept. */
export function expired(requested: number, oldest: number): ApiError {
  return new ApiError('Expired', `too old resource version: ${requested} (${oldest})`);
}

export function continueExpired(): ApiError {
  return new ApiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
  );
}

/** What real servers answer (504) when a client has seen a newer state than theirs, e.g. after a restore from backup. */
export function tooLargeResourceVersion(requested: number, current: number): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${requested}, current: ${current}`, {
    details: {
      retryAfterSeconds: 1,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  });
}
