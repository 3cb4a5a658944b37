import type { Span, Trace } from '../timeline/index.ts';

/** `ExportTraceServiceRequest` of OTLP 1.x in its JSON encoding (ids in hex, 64-bit numbers as text). */
export function otlpRequest(traces: readonly Trace[], serviceName: string): object {
  const spans = traces.flatMap(({ traceId, spans: all }) => all.map((span) => otlpSpan(traceId, span)));
  const resource = { attributes: attributesOf({ 'service.name': serviceName, 'service.namespace': 'fermata' }) };
  return { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'fermata' }, spans }] }] };
}

/** `SPAN_KIND_INTERNAL`, `STATUS_CODE_OK`, `STATUS_CODE_ERROR`. */
const [INTERNAL, OK, FAILED] = [1, 1, 2];

function otlpSpan(traceId: string, { name, spanId, parentSpanId, start, end, attributes, failure }: Span): object {
  return {
    traceId,
    spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name,
    kind: INTERNAL,
    startTimeUnixNano: `${start}000000`,
    endTimeUnixNano: `${end}000000`,
    attributes: attributesOf(attributes),
    status: failure === undefined ? { code: OK } : { code: FAILED, message: failure },
  };
}

function attributesOf(attributes: Span['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(Math.round(value)) } : { stringValue: value },
  }));
}

/** `key1=value1,key2=value2` with percent-encoded values (OTEL_EXPORTER_OTLP_HEADERS). */
export function otlpHeaders(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const [name = '', ...value] = pair.split('=');
      return name.trim() === '' ? [] : [[name.trim(), decodeURIComponent(value.join('=').trim())]];
    }),
  );
}
