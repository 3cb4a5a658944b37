/** client-go's aggregator: from this many different messages on, of one object and one reason, events are combined. */
const MOST_DIFFERENT_MESSAGES = 10;
/** A group that is silent for this long begins anew. */
const INTERVAL_MILLISECONDS = 600_000;
/** Groups remembered, as client-go's cache has it. */
const MEMORY_LIMIT = 4_096;

/**
 * Tells when events about one thing differ in nothing but their message, again and again (client-go's `EventAggregator`): the
 * tenth different one and those after it are to be written into one event.
 */
export class SimilarEvents {
  readonly #groups = new Map<string, { messages: Set<string>; at: number }>();

  /** @param group what the events have in common; @param now ms of a monotonic clock */
  isToBeCombined(group: string, message: string, now: number): boolean {
    let record = this.#groups.get(group);
    if (record === undefined || now - record.at > INTERVAL_MILLISECONDS) record = { messages: new Set(), at: now };
    this.#groups.delete(group);
    this.#groups.set(group, record);
    if (this.#groups.size > MEMORY_LIMIT) {
      const [oldest] = this.#groups.keys();
      if (oldest !== undefined) this.#groups.delete(oldest);
    }
    record.at = now;
    if (record.messages.has(message)) return false;
    if (record.messages.size + 1 >= MOST_DIFFERENT_MESSAGES) return true;
    record.messages.add(message);
    return false;
  }
}
