/** Text of unknown origin for a terminal: what processes and images call themselves must not move anybody's cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
