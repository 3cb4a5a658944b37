import { FermataError } from '../model/index.ts';
import type { ApiReason } from './store.ts';

/** `Status.details`, as far as clients read it. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

const HTTP_CODES: Record<ApiReason, number> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  UnsupportedMediaType: 415,
  RequestEntityTooLarge: 413,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  Unknown: 500,
};

/** A refusal in Kubernetes' own terms (`metav1.Status`). `status` 0 means: no answer came (connection refused, cut, timed out). */
export class ApiError extends FermataError {
  readonly reason: ApiReason;
  readonly status: number;
  readonly details: StatusDetails | undefined;

  constructor(
    reason: ApiReason,
    message: string,
    options: { status?: number; details?: StatusDetails; cause?: unknown; nextStep?: string } = {},
  ) {
    super(`Api${reason}`, message, options);
    this.name = 'ApiError';
    this.reason = reason;
    this.status = options.status ?? HTTP_CODES[reason];
    this.details = options.details;
  }
}

export function isApiError(error: unknown, ...reasons: ApiReason[]): error is ApiError {
  return error instanceof ApiError && (reasons.length === 0 || reasons.includes(error.reason));
}
