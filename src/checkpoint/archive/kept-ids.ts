const SLAB_BYTES = 256 * 1024;

/**
 * Copies of ids that stay until the upload ends, many in one piece of memory: by themselves they would lie scattered over all that is
 * allocated meanwhile, and keep `malloc` from giving any of it back.
 */
export class KeptIds {
  #slab = new Uint8Array();
  #used = 0;

  /** A copy. */
  keep(ids: Uint8Array): Uint8Array {
    if (this.#used + ids.length > this.#slab.length) {
      this.#slab = new Uint8Array(Math.max(SLAB_BYTES, ids.length));
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + ids.length);
    this.#used += ids.length;
    copy.set(ids);
    return copy;
  }
}
