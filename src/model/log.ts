/** Structured log as the rooms see it; pino's shape. `fields` never hold secrets or process memory. */
export interface Log {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Says nothing. */
export const SILENT_LOG: Log = { debug() {}, info() {}, warn() {}, error() {} };
