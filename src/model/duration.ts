import { FermataError } from './errors.ts';

/** Nanoseconds of each unit Go knows; `μs` (Greek mu) and `µs` (micro sign) are both written. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const NANOS_PER_MILLISECOND = 1e6;
const MILLISECONDS_PER_SECOND = 1000;

/**
 * Reads a Go duration (`time.ParseDuration`, `metav1.Duration`), e.g. `1h30m`, `90s`, `1.5h`, `-2m`. Returns milliseconds
 * (with fraction). Throws `DurationInvalid`; Go has no days and no bare numbers but `0`.
 */
export function parseDuration(text: string): number {
  if (/^[+-]?0$/.test(text)) return 0;
  const [, sign, parts] = /^([+-]?)((?:[0-9.]+[^0-9.+-]+)+)$/.exec(text) ?? [];
  if (parts === undefined) {
    throw invalid(text, /^[+-]?[0-9.]+$/.test(text) ? 'its unit is missing' : 'it is not a number with a unit');
  }
  let nanos = 0;
  for (const [, number = '', unit = ''] of parts.matchAll(/([0-9.]+)([^0-9.]+)/g)) {
    const factor = UNITS[unit];
    if (factor === undefined) throw invalid(text, `${JSON.stringify(unit)} is not a unit of it`);
    if (!/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number))
      throw invalid(text, `${JSON.stringify(number)} is not a number`);
    nanos += Number(number) * factor;
  }
  const milliseconds = nanos / NANOS_PER_MILLISECOND;
  return sign === '-' ? -milliseconds : milliseconds;
}

/**
 * Reads an expected run time: a Go duration, or whole seconds (as batch systems write them). Returns milliseconds.
 * Throws `DurationInvalid` also when it is not positive.
 */
export function parseWalltime(text: string): number {
  const milliseconds = /^[0-9]+$/.test(text) ? Number(text) * MILLISECONDS_PER_SECOND : parseDuration(text);
  if (milliseconds <= 0) throw invalid(text, 'a run time must be more than 0');
  return milliseconds;
}

function invalid(text: string, why: string): FermataError {
  const days = /^([0-9]+)d$/.exec(text)?.[1];
  const example = days === undefined ? '1h30m' : `${Number(days) * 24}h`;
  return new FermataError(
    'DurationInvalid',
    `duration ${JSON.stringify(text)} is not valid: ${why}; units are ns, us, ms, s, m, h${days === undefined ? '' : `; did you mean "${example}"?`}`,
    { nextStep: `Write it like ${example}.` },
  );
}

/** Milliseconds as Go writes a duration: `1h30m0s`, `90ms`, `1.5s`, `0s`. */
export function formatDuration(milliseconds: number): string {
  const sign = milliseconds < 0 ? '-' : '';
  const nanos = Math.round(Math.abs(milliseconds) * NANOS_PER_MILLISECOND);
  if (nanos === 0) return '0s';
  if (nanos < 1e3) return `${sign}${nanos}ns`;
  if (nanos < 1e6) return `${sign}${nanos / 1e3}µs`;
  if (nanos < 1e9) return `${sign}${nanos / 1e6}ms`;
  const hours = Math.floor(nanos / 3600e9);
  const minutes = Math.floor((nanos % 3600e9) / 60e9);
  const seconds = `${(nanos % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** Milliseconds as kubectl shows an age (`duration.HumanDuration`): `5s`, `3m20s`, `12h`, `3d4h`, `2y`. */
export function humanDuration(milliseconds: number): string {
  if (milliseconds <= -2 * MILLISECONDS_PER_SECOND) return '<invalid>';
  const seconds = Math.max(0, Math.floor(milliseconds / MILLISECONDS_PER_SECOND));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (hours < 24 * 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 365 * 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
