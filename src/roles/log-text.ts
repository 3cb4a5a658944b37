/** One entry for people: time, level, role, message, then the fields as `name=value`. */
export function logText(entry: Record<string, unknown>): string {
  const { time, level, role, msg, ...fields } = entry;
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`);
  return `${[time, String(level).toUpperCase().padEnd(5), role, msg, ...pairs].join(' ')}\n`;
}

/** Quoted where it would not be one word. */
function valueText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'undefined';
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
