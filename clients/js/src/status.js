/** What a line says of itself: `{state, reason, retryAt}`, and which of its steps are shown as what. */

export class Status {
  value = Object.freeze({ state: "idle", reason: "nothing to follow", retryAt: null });
  #tell;
  #wasLive = false;

  constructor(tell) {
    this.#tell = tell;
  }

  /** `retryAt`: when the next try comes, in ms since 1970. */
  set(state, reason = null, retryAt = null) {
    if (state === "live") this.#wasLive = true;
    this.value = Object.freeze({ state, reason, retryAt });
    this.#tell(this.value);
  }

  /** "connecting" or "auth"; once it was live, both are "resuming". */
  step(name) {
    const { state, reason } = this.value;
    if (state === "offline" && name === "connecting") return; // until somebody answers
    this.set(this.#wasLive ? "resuming" : name, reason);
  }
}
