import type { Container } from '../core.ts';
import type { FieldErrors } from './field-error.ts';
import { checkRange } from './formats.ts';

type Probe = NonNullable<Container['livenessProbe']>;
type Handler = NonNullable<NonNullable<Container['lifecycle']>['postStart']>;

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;
const HIGHEST_PORT = 65_535;

/** `validateLivenessProbe` and its siblings. */
export function checkProbes(container: Container, field: string, errors: FieldErrors): void {
  checkProbe(container.livenessProbe, `${field}.livenessProbe`, errors);
  checkProbe(container.readinessProbe, `${field}.readinessProbe`, errors);
  checkProbe(container.startupProbe, `${field}.startupProbe`, errors);
  for (const part of ['livenessProbe', 'startupProbe'] as const) {
    const threshold = container[part]?.successThreshold;
    if (threshold !== undefined && threshold > 1) {
      errors.invalid(`${field}.${part}.successThreshold`, threshold, 'must be 1');
    }
  }
}

function checkProbe(probe: Probe | undefined, field: string, errors: FieldErrors): void {
  if (probe === undefined) return;
  checkHandler(probe, field, errors);
  for (const part of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    checkRange(errors, `${field}.${part}`, probe[part], 0);
  }
  if (probe.terminationGracePeriodSeconds !== undefined) {
    checkRange(errors, `${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 1);
  }
}

/** Exactly one way to act, and a complete one (`validateHandler`). */
export function checkHandler(handler: Handler | Probe | undefined, field: string, errors: FieldErrors): void {
  if (handler === undefined) return;
  const given = HANDLERS.filter((name) => (handler as Record<string, unknown>)[name] !== undefined);
  if (given.length === 0) errors.required(field, 'must specify a handler type');
  for (const extra of given.slice(1)) errors.forbidden(`${field}.${extra}`, 'may not specify more than 1 handler type');
  if (handler.exec !== undefined && (handler.exec.command ?? []).length === 0) errors.required(`${field}.exec.command`);
  for (const name of ['httpGet', 'tcpSocket'] as const) {
    const port = handler[name]?.port;
    if (typeof port === 'number') checkRange(errors, `${field}.${name}.port`, port, 1, HIGHEST_PORT);
    if (port === '') errors.required(`${field}.${name}.port`);
  }
}
