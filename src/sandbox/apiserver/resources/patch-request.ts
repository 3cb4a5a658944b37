import { ApiError, type Kind } from '../../../kubernetes/index.ts';
import { parseJson } from '../http/body.ts';
import type { Exchange } from '../http/exchange.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { isJsonObject, type Json, type JsonObject } from '../patch/json-value.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMergePatch, type PatchSchema } from '../patch/strategic-merge.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';

/**
 * Reads a patch and gives the function that applies it.
 * @throws ApiError UnsupportedMediaType, BadRequest; what the function throws besides: Invalid
 */
export async function readPatch(exchange: Exchange, kind: Kind): Promise<(current: object) => Json> {
  const { contentType } = exchange;
  if (contentType.startsWith('application/apply-patch')) throw serverSideApply();
  const isKnown = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH].includes(contentType);
  // Custom resources have no merge keys, so a strategic merge has no meaning for them.
  if (!isKnown || (kind.custom && contentType === STRATEGIC_MERGE_PATCH)) throw unsupported(contentType, kind);
  const patch = parseJson(await exchange.readText()) as Json;
  if (contentType === JSON_PATCH) return (current) => applyJsonPatch(current as JsonObject, patch);
  if (!isJsonObject(patch)) throw new ApiError('BadRequest', 'a merge patch is a JSON object');
  if (contentType === MERGE_PATCH) return (current) => applyMergePatch(current as JsonObject, patch);
  return (current) => applyStrategicMergePatch(current as JsonObject, patch, kind.schema as PatchSchema);
}

function unsupported(contentType: string, kind: Kind): ApiError {
  const accepted = [JSON_PATCH, MERGE_PATCH, ...(kind.custom ? [] : [STRATEGIC_MERGE_PATCH])];
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')} (got ${contentType})`,
  );
}

/**
 * Server-side apply is refused rather than imitated: without tracking who owns which field, a field that left the
 * applied configuration would silently stay.
 */
function serverSideApply(): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    'the sandbox does not track field ownership, which server-side apply needs',
    {
      nextStep: 'apply without --server-side, or send a merge patch',
    },
  );
}
