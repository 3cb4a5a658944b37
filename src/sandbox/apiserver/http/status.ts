import { ApiError, isApiError } from '../../../kubernetes/index.ts';
import { reasonOf } from '../../../model/index.ts';

/** `metav1.Status`, the form of every refusal. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: object;
  code: number;
}

/** What a client is told about an error. Anything but an {@link ApiError} is the server's own fault: InternalError. */
export function statusOf(error: unknown): Status {
  const refusal = isApiError(error)
    ? error
    : new ApiError('InternalError', `Internal error occurred: ${reasonOf(error)}`, { cause: error });
  const message = refusal.nextStep === undefined ? refusal.message : `${refusal.message}; ${refusal.nextStep}`;
  // Of an Invalid kubectl shows the causes, and 1.20 nothing but them.
  const details = refusal.details ?? (refusal.reason === 'Invalid' ? { causes: [{ message }] } : undefined);
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: refusal.reason,
    ...(details === undefined ? {} : { details }),
    code: refusal.status === 0 ? 500 : refusal.status,
  };
}

export function success(code: number, details?: object): Status {
  const base = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code } as const;
  return details === undefined ? base : { ...base, details };
}
