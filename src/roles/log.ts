import { writeSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Log } from '../model/index.ts';
import { logText } from './log-text.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** `json`: one object a line, for machines. `text`: for people. */
export type LogFormat = 'json' | 'text';

const STANDARD_ERROR = 2;
const AS_TEXT: DestinationStream = {
  write: (line) => {
    writeSync(STANDARD_ERROR, logText(JSON.parse(line) as Record<string, unknown>));
  },
};

/** One line an entry on standard error. Standard output stays free for what a command prints. */
export function createLog(role: string, level: LogLevel = 'info', format: LogFormat = 'json'): Log {
  const logger: Logger = pino(
    {
      level,
      base: { role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    format === 'text' ? AS_TEXT : pino.destination({ fd: STANDARD_ERROR, sync: true }),
  );
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
