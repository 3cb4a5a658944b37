const [QUOTE, BACKSLASH, COMMA] = [...Buffer.from('"\\,')];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [...Buffer.from('{}[]')];

/**
 * Takes the JSON text of an answer in pieces and gives the objects of its array `jobs` one by one, so that of all jobs of a large
 * site no more than one is held at a time. What is left at the end is the answer without them.
 */
export class JobSplitter<T> {
  readonly #onJob: (job: T) => void;
  /** Within objects and arrays. */
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  /** The last string right within the answer: the name of the field that follows. */
  #name: Buffer[] = [];
  #isJobs = false;
  #job: Buffer[] = [];
  #rest: Buffer[] = [];

  constructor(onJob: (job: T) => void) {
    this.#onJob = onJob;
  }

  push(chunk: Buffer): void {
    let from = 0;
    /** What was read up to `end` goes where it belongs. */
    const keep = (end: number): void => {
      if (end > from) (this.#isWithinJob() ? this.#job : this.#rest).push(chunk.subarray(from, end));
      from = end;
    };
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#isString) {
        if (this.#depth === 1) this.#name.push(chunk.subarray(at, at + 1));
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isString = false;
      } else if (byte === QUOTE) {
        this.#isString = true;
        if (this.#depth === 1) this.#name = [];
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        keep(at);
        if (byte === OPEN_ARRAY && this.#depth === 1) this.#isJobs = Buffer.concat(this.#name).toString() === 'jobs"';
        this.#depth++;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (this.#isJobs && this.#depth === 3) {
          keep(at + 1);
          this.#onJob(JSON.parse(Buffer.concat(this.#job).toString()) as T);
          this.#job = [];
        }
        this.#depth--;
        if (this.#depth === 1) this.#isJobs = false;
      } else if (byte === COMMA && this.#isJobs && this.#depth === 2) {
        keep(at);
        from = at + 1;
      }
    }
    keep(chunk.length);
  }

  /** The answer, its `jobs` empty. Throws `SyntaxError` for what is no JSON. */
  end(): Record<string, unknown> {
    return JSON.parse(Buffer.concat(this.#rest).toString()) as Record<string, unknown>;
  }

  #isWithinJob(): boolean {
    return this.#isJobs && this.#depth > 2;
  }
}
