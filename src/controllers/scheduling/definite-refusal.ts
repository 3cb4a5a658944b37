import { isApiError } from '../../kubernetes/index.ts';

/** A refusal the server meant, as against an answer that never came (the write may have happened). */
export function isDefinite(error: unknown): boolean {
  if (!isApiError(error)) return false;
  return error.status >= 400 && error.status < 500 && !isApiError(error, 'TooManyRequests', 'Timeout');
}
