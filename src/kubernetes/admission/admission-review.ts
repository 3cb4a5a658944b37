import { ApiError } from '../api-error.ts';

/** `admission.k8s.io/v1`: what the API server asks, as far as it is read. */
export interface AdmissionRequest {
  uid: string;
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** Empty for cluster-wide kinds. */
  namespace: string;
  /** Empty with `generateName`. */
  name: string;
  object: unknown;
  /** What UPDATE and DELETE find. */
  oldObject?: unknown;
  dryRun: boolean;
  userInfo: { username: string; groups: readonly string[]; uid?: string; extra?: Record<string, readonly string[]> };
}

/** One step of a JSON patch (RFC 6902). */
export interface JsonPatchStep {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

export type AdmissionAnswer =
  | {
      allowed: true;
      patch?: readonly JsonPatchStep[];
      warnings?: readonly string[];
      auditAnnotations?: Record<string, string>;
    }
  /** HTTP status by which clients decide whether to come again: 409 or 429 for later, 403 for never. */
  | { allowed: false; code: number; reason: string; message: string };

/** Throws ApiError BadRequest when it is none of version v1. */
export function parseAdmissionReview(text: string): AdmissionRequest {
  let review: unknown;
  try {
    review = JSON.parse(text);
  } catch (cause) {
    throw new ApiError('BadRequest', 'the body is not JSON', { cause });
  }
  const { apiVersion, kind, request } = (review ?? {}) as { apiVersion?: unknown; kind?: unknown; request?: unknown };
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') {
    throw new ApiError(
      'BadRequest',
      `the body is not an AdmissionReview of admission.k8s.io/v1 but ${apiVersion} ${kind}`,
    );
  }
  const { uid, operation, namespace, name, object, oldObject, dryRun, userInfo } = (request ??
    {}) as Partial<AdmissionRequest>;
  if (typeof uid !== 'string' || uid === '' || typeof operation !== 'string') {
    throw new ApiError('BadRequest', 'the AdmissionReview holds no request with uid and operation');
  }
  return {
    uid,
    operation,
    namespace: namespace ?? '',
    name: name ?? '',
    object: object ?? undefined,
    oldObject: oldObject ?? undefined,
    dryRun: dryRun === true,
    userInfo: { ...userInfo, username: userInfo?.username ?? '', groups: userInfo?.groups ?? [] },
  };
}

export function reviewAnswer(uid: string, answer: AdmissionAnswer): object {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...response(answer) } };
}

function response(answer: AdmissionAnswer): object {
  if (!answer.allowed) {
    const { code, reason, message } = answer;
    return { allowed: false, status: { status: 'Failure', code, reason, message } };
  }
  const { patch = [], warnings, auditAnnotations } = answer;
  return {
    allowed: true,
    ...(patch.length > 0 && { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    ...(warnings !== undefined && { warnings }),
    ...(auditAnnotations !== undefined && { auditAnnotations }),
  };
}
