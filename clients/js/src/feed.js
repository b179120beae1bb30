/**
 * The tenant's feed: what happens to all of its jobs. It resumes by `{epoch, seq}`; where that is
 * not possible the server says `reset`, and the caller lists the jobs anew.
 */

import { Backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { WaymarkError } from "./errors.js";
import { Updates } from "./updates.js";

const REMEMBERED = 4_096; // numbers of events told already

export class Feed extends Emitter {
  live = false;
  closed = false;
  #clock;
  #subscribe;
  #release;
  #backoff;
  #cancelRetry = null;
  #epoch = null;
  #seq = 0;
  #told = new Set();
  #resetBecause = null;
  #iterators = new Set();

  constructor({ cursor, clock, subscribe, release }) {
    super();
    this.#clock = clock;
    this.#subscribe = subscribe;
    this.#release = release;
    this.#backoff = new Backoff(clock);
    this.#moveTo(cursor);
  }

  /** From where on it goes on; null before the first event. Keep it to go on after a reload. */
  get cursor() {
    return this.#epoch === null ? null : { epoch: this.#epoch, seq: this.#seq };
  }

  get subscription() {
    return { feed: true, ...this.cursor };
  }

  close() {
    if (this.closed) return;
    this.#cancelRetry?.();
    this.closed = true;
    for (const updates of this.#iterators) updates.finish();
    super.emit("close", { error: null });
    this.#release();
  }

  /** Every event from now on. */
  [Symbol.asyncIterator]() {
    const updates = new Updates();
    if (this.closed) updates.finish();
    else this.#iterators.add(updates);
    return {
      next: () => updates.next(),
      return: () => {
        this.#iterators.delete(updates);
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * A transition or progress of any job. One that a job's own subscription is catching up with
   * moves no cursor (`moves` false): events of other jobs, before it, may still be on their way.
   */
  take(frame, { moves }) {
    if (frame.epoch !== this.#epoch) this.#moveTo({ epoch: frame.epoch, seq: 0 });
    const isOld = frame.seq <= this.#seq - REMEMBERED || this.#told.has(frame.seq);
    if (moves) this.#seq = Math.max(this.#seq, frame.seq);
    if (isOld) return;
    this.#remember(frame.seq);
    this.#tell(frame.type, frame);
  }

  /** The feed tells everything from `{epoch, seq}` on; after a reset, list the jobs now. */
  caughtUp({ recovered, epoch, seq }) {
    if (epoch !== undefined && epoch !== this.#epoch) this.#moveTo({ epoch, seq });
    this.#seq = Math.max(this.#seq, seq ?? 0);
    this.#backoff.reset();
    this.live = true;
    const why = this.#resetBecause;
    this.#resetBecause = null;
    if (why !== null) this.#tell("reset", { type: "reset", why });
    this.#tell("live", { type: "live", recovered });
  }

  /** The server cannot go on from the cursor: its `live` says from where on it does. */
  reset({ why }) {
    this.#moveTo(null);
    this.#resetBecause = why;
  }

  /** Goes on from another place, `{epoch, seq}`: the one at which a list of jobs was read. */
  resume(cursor) {
    this.#moveTo(cursor);
    this.#subscribe();
  }

  lost() {
    this.live = false;
    this.#cancelRetry?.();
  }

  refused({ code, detail }) {
    if (code === "store-unavailable") {
      const again = () => this.#subscribe();
      this.#cancelRetry = this.#clock.after(this.#backoff.next(), again);
      return;
    }
    this.fail(new WaymarkError(code, detail));
  }

  fail(error) {
    for (const updates of this.#iterators) updates.finish(error);
    super.emit("error", error);
    this.close();
  }

  #moveTo(cursor) {
    this.#epoch = cursor?.epoch ?? null;
    this.#seq = cursor?.seq ?? 0;
    this.#told.clear();
  }

  #remember(seq) {
    this.#told.add(seq);
    if (this.#told.size > REMEMBERED) this.#told.delete(this.#told.values().next().value);
  }

  #tell(type, event) {
    if (this.closed) return;
    for (const updates of this.#iterators) updates.push(event);
    this.emit(type, event);
  }
}
