/** Exit statuses of every command. */
export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;

/** A command that throws this ends with the status and says nothing more: it has already said everything. */
export class ExitStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit status ${status}`);
    this.name = 'ExitStatus';
    this.status = status;
  }
}

/** Wrong use, found after parsing: printed like the parser's own errors, exit status 2. */
export class UsageError extends Error {
  readonly nextStep: string | undefined;

  constructor(message: string, nextStep?: string) {
    super(message);
    this.name = 'UsageError';
    this.nextStep = nextStep;
  }
}
