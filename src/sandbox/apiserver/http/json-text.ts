const texts = new WeakMap<object, string>();

/**
 * JSON of a value. That of a frozen object, as the registry hands out, is made once and shared by the state file, the
 * answers and all watches.
 */
export function jsonOf(value: object): string {
  if (!Object.isFrozen(value)) return JSON.stringify(value);
  let text = texts.get(value);
  if (text === undefined) {
    text = JSON.stringify(value);
    texts.set(value, text);
  }
  return text;
}
