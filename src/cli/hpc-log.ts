import type { LogPiece } from '../hpc/index.ts';

/**
 * Writes a job's output to this process's: standard output to standard output, errors to errors. Lines of an array's tasks are
 * led by the task's index, and written once they are whole.
 */
export function printLog(): (piece: LogPiece) => void {
  const begun = new Map<string, string>();
  return ({ file, bytes }) => {
    const [stream = '', task] = file.split('.');
    const out = stream === 'stderr' ? process.stderr : process.stdout;
    if (task === undefined) {
      out.write(bytes);
      return;
    }
    const text = (begun.get(file) ?? '') + bytes.toString('utf8');
    const end = text.lastIndexOf('\n') + 1;
    begun.set(file, text.slice(end));
    for (const line of text.slice(0, end).split('\n').slice(0, -1)) out.write(`[${task}] ${line}\n`);
  };
}
