/**
 * An error meant to be read by a person. `code` is stable and listed in docs/errors.md; `message` names the object, what
 * happened and why; `nextStep` says what to do about it.
 */
export class FermataError extends Error {
  readonly code: string;
  readonly nextStep: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; nextStep?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FermataError';
    this.code = code;
    this.nextStep = options.nextStep;
  }
}

/** What went wrong, in one line, whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** As {@link reasonOf}, then the next step where the error knows one: for conditions and events, which people read alone. */
export function adviceOf(error: unknown): string {
  const reason = reasonOf(error);
  const nextStep = error instanceof FermataError ? error.nextStep : undefined;
  if (nextStep === undefined) return reason;
  const begun = reason.replace(/[.;]$/, '');
  return /^[A-Z]/.test(nextStep) ? `${begun}. ${nextStep}` : `${begun}; ${nextStep}`;
}
