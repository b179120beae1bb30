/**
 * Growing pauses with full jitter, so that ten thousand tabs do not come back in the same moment.
 */

export const MIN_MS = 500;
export const MAX_MS = 20_000;

export class Backoff {
  #random;
  #min;
  #max;
  #tries = 0;

  constructor({ random, min = MIN_MS, max = MAX_MS }) {
    this.#random = random;
    this.#min = min;
    this.#max = max;
  }

  /** The next pause in milliseconds; each is drawn from a wider range than the one before. */
  next() {
    const range = Math.min(this.#max, this.#min * 2 ** this.#tries);
    this.#tries += 1;
    return Math.round(Math.min(this.#max, this.#min + this.#random() * range));
  }

  reset() {
    this.#tries = 0;
  }
}
