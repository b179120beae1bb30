/** How long to wait after a connection has ended, and whether to go on at all. */

import { Backoff } from "./backoff.js";
import * as closes from "./closes.js";

const CROWDED_MS = 30_000; // after "too many connections": one of them has to go first
const RENEWED_MS = 500; // with a new token; the tabs of one session all need one

export class Pauses {
  #random;
  #backoff;
  #renewedFor = null;
  #resumedAtOnce = false;
  #drainAfter = [0, 0];

  constructor({ random }) {
    this.#random = random;
    this.#backoff = new Backoff({ random });
  }

  welcomed() {
    this.#renewedFor = null;
    this.#drainAfter = [0, 0];
  }

  /** A connection has lasted: the next pause is a short one again. */
  stable() {
    this.#backoff.reset();
    this.#resumedAtOnce = false;
  }

  /** The server goes away, and says between when and when to come back. Returns a moment. */
  draining(afterMs) {
    this.#drainAfter = afterMs;
    return this.#between(afterMs);
  }

  next() {
    return this.#backoff.next();
  }

  /** Returns `{ms, needsToken}`, or null where no further try can help. */
  after(code) {
    const needsToken = code === closes.BAD_TOKEN || code === closes.TOKEN_EXPIRED;
    if (needsToken && this.#renewedFor !== code) {
      this.#renewedFor = code; // once: whoever mints bad tokens mints them all day
      return { ms: this.#random() * RENEWED_MS, needsToken };
    }
    if (closes.actionFor(code) === closes.STOP) return null;
    return { ms: this.#pause(code), needsToken };
  }

  #pause(code) {
    if (closes.actionFor(code) === closes.RESUME && !this.#resumedAtOnce) {
      this.#resumedAtOnce = true; // once: a server that lets nobody stay is not hammered
      return this.#between(this.#drainAfter);
    }
    const crowded = code === closes.TOO_MANY_CONNECTIONS ? CROWDED_MS * (1 + this.#random()) : 0;
    return this.#backoff.next() + crowded;
  }

  #between([first, last]) {
    return first + this.#random() * Math.max(0, last - first);
  }
}
