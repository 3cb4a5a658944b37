import { Option } from 'commander';

/** What a script reads; without a format a person reads text. */
export type OutputFormat = 'json' | 'yaml';

/** `-o, --output json|yaml`, with further formats where a command has them. */
export function outputOption(...further: string[]): Option {
  return new Option('-o, --output <format>', 'print the result in this format').choices(['json', 'yaml', ...further]);
}

/** Renders a result as JSON (two spaces) or YAML, with a final newline. */
export async function render(value: unknown, format: OutputFormat): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(value, { aliasDuplicateObjects: false });
}

/** Prints a result to standard output: in the asked format, else as the text made by `text`. */
export async function printResult(value: unknown, format: OutputFormat | undefined, text: () => string): Promise<void> {
  process.stdout.write(format === undefined ? text() : await render(value, format));
}

/**
 * Columns as kubectl aligns them: two or more spaces between, nothing after the last. A cell's further lines are continued in
 * its column.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines: string[][] = [[...header]];
  for (const row of rows) {
    const cells = row.map((cell) => cell.split('\n'));
    const height = Math.max(1, ...cells.map((cell) => cell.length));
    for (let line = 0; line < height; line++) lines.push(cells.map((cell) => cell[line] ?? ''));
  }
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
}
