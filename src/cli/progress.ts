/** How long a step may be silent, in milliseconds. */
const SILENT_MILLISECONDS = 1000;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MILLISECONDS = 100;

export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/**
 * Says on standard error what is being waited for, once that takes longer than a second: a moving line on a terminal, one plain
 * line a step elsewhere. Call `stop()` in a `finally`; it holds a timer until then.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #silentMilliseconds: number;
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #began = 0;
  #shown = false;

  constructor(stream: ProgressStream = process.stderr, options: { silentMilliseconds?: number } = {}) {
    this.#stream = stream;
    this.#silentMilliseconds = options.silentMilliseconds ?? SILENT_MILLISECONDS;
  }

  /** The next thing waited for. Repeating the same text is free. */
  step(text: string): void {
    if (text === this.#text && this.#timer !== undefined) return;
    this.stop();
    this.#text = text;
    this.#began = performance.now();
    this.#timer = setTimeout(() => this.#show(), this.#silentMilliseconds);
    this.#timer.unref();
  }

  /** Other words for what is waited for already. */
  update(text: string): void {
    this.#text = text;
  }

  /** A line that stays, above the moving one. */
  line(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#erase();
  }

  #show(): void {
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${this.#text} …\n`);
      return;
    }
    const elapsed = performance.now() - this.#began;
    const frame = FRAMES[Math.floor(elapsed / FRAME_MILLISECONDS) % FRAMES.length] ?? '';
    const text = `${frame} ${this.#text} (${Math.floor(elapsed / 1000)} s)`;
    this.#stream.write(`\r\x1b[2K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
    this.#shown = true;
    this.#timer = setTimeout(() => this.#show(), FRAME_MILLISECONDS);
    this.#timer.unref();
  }

  #erase(): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K');
    this.#shown = false;
  }
}
