import { ApiError, type StatusDetails } from './api-error.ts';
import type { ApiReason } from './store.ts';

/** What to take for the reason when a server, or a proxy before it, gave none. */
const REASONS_BY_STATUS: Readonly<Record<number, ApiReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  502: 'ServiceUnavailable',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};
const KNOWN: ReadonlySet<string> = new Set<ApiReason>([
  ...Object.values(REASONS_BY_STATUS),
  'AlreadyExists',
  'Expired',
  'Unknown',
]);

interface StatusObject {
  kind?: unknown;
  reason?: unknown;
  message?: unknown;
  code?: unknown;
  details?: unknown;
}

/** Of an answer in plain text, as a kubelet gives it, this much is shown. */
const TEXT_LENGTH = 1_000;

/**
 * The error a `metav1.Status` stands for; of anything else, what the HTTP status says, and plain text. `about` begins a message
 * of ours.
 */
export function statusError(body: unknown, httpStatus: number, about: string): ApiError {
  const { kind, reason, message, code, details } = (
    typeof body === 'object' && body !== null ? body : {}
  ) as StatusObject;
  const isStatus = kind === 'Status';
  const status = isStatus && typeof code === 'number' ? code : httpStatus;
  const named = isStatus && typeof reason === 'string' && KNOWN.has(reason) ? (reason as ApiReason) : undefined;
  const text =
    isStatus && typeof message === 'string' && message !== ''
      ? message
      : `${about}: the server answered with status ${status}${plainText(body)}`;
  return new ApiError(named ?? REASONS_BY_STATUS[status] ?? 'Unknown', text, {
    status,
    ...(isStatus && typeof details === 'object' && details !== null ? { details: details as StatusDetails } : {}),
  });
}

/** Not the page that a proxy makes of it. */
function plainText(body: unknown): string {
  const text = typeof body === 'string' && !body.startsWith('<') ? body.trim() : '';
  return text === '' ? '' : `: ${text.slice(0, TEXT_LENGTH)}`;
}
