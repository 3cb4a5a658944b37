import { spawn } from 'node:child_process';

export interface CommandResult {
  /** 128 + number of the signal when one ended it. */
  status: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  environment?: Readonly<Record<string, string>>;
  input?: string;
  signal?: AbortSignal;
}

/** Runs a program to its end and gives what it printed. Throws only when it cannot be started or is aborted. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.environment && { env: { ...options.environment } }),
      ...(options.signal && { signal: options.signal }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? 255, stdout, stderr }));
    // A program that ends without reading its input must not end us by EPIPE.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
