import { type Logger, pino } from 'pino';
import type { Log } from '../model/index.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One JSON line an entry on standard error. Standard output stays free for what a command prints. */
export function createLog(role: string, level: LogLevel = 'info'): Log {
  const logger: Logger = pino(
    {
      level,
      base: { role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
