/**
 * One job that is followed: its view, its place in the stream, and everybody who listens to it.
 * It says what has to be asked of the server; how that travels is not its business.
 */

import { Backoff } from "./backoff.js";
import { WaymarkError } from "./errors.js";
import { APPLIED, RESYNC, nothingKnown, subscriptionOf, take } from "./rule.js";

const RESYNC_EVERY_MS = 1_000; // at most; a server that cannot fill a gap must not be hammered
const ANSWER_WITHIN_MS = 15_000; // the server gives up on its store after 5 s and says so
const MISSING_FOR_MS = 60_000; // a store that was wiped learns of its jobs again from the broker

export class Follow {
  view;
  live = false;
  failed = false;
  listeners = new Set();
  #subscribe;
  #renewToken;
  #onDiscontinuity;
  #clock;
  #backoff;
  #cancelTimer = null;
  #askedAt = -Infinity;
  #missingSince = null;
  #renewed = false;

  /** `subscribe()` asks the server again; `renewToken()` gets a token for all jobs. */
  constructor(job, { clock, subscribe, renewToken, onDiscontinuity }) {
    this.view = nothingKnown(job);
    this.#clock = clock;
    this.#backoff = new Backoff(clock);
    this.#subscribe = subscribe;
    this.#renewToken = renewToken;
    this.#onDiscontinuity = onDiscontinuity;
  }

  get subscription() {
    return subscriptionOf(this.view);
  }

  /** The server was just asked for it; whoever is waited for too long is asked again. */
  asked() {
    this.#askedAt = this.#clock.now();
    this.#in(ANSWER_WITHIN_MS, () => this.#ask());
  }

  /** There is no connection any more: the next hello carries the subscription. */
  lost() {
    this.live = false;
    this.#in(null);
  }

  /** The server takes back what it said: the next subscription asks for a snapshot. */
  forgetPlace() {
    this.view = Object.freeze({ ...this.view, epoch: null });
  }

  stop() {
    this.#in(null);
  }

  /** Whether a snapshot tells no more of this history than is known; of two connections one may. */
  isBehind({ epoch, revision }) {
    return epoch === this.view.epoch && revision <= this.view.revision;
  }

  /** A snapshot, transition or progress of this job. */
  take(frame) {
    const before = this.view;
    if (frame.type !== "snapshot" && before.epoch === null) return; // its place is on the way
    const { verdict, view, steps, undone } = take(before, frame);
    if (verdict === RESYNC) this.#resync();
    if (verdict !== APPLIED) return;
    this.view = view;
    this.#missingSince = null;
    if (undone.length > 0 || (before.step > 0 && before.epoch !== view.epoch)) {
      const event = { type: "discontinuity", undone, job: view };
      this.#onDiscontinuity(event);
      this.#tell("discontinuity", event);
    }
    for (const step of steps) this.#tell("transition", { type: "transition", ...step, job: view });
    if (frame.type === "progress") {
      this.#tell("progress", { type: "progress", progress: view.progress, job: view });
    }
    this.#tell("change", view);
    if (view.final) this.#tell("final", view);
  }

  /** Everything up to now has been told. */
  caughtUp({ recovered }) {
    this.#in(null);
    this.#backoff.reset();
    this.#renewed = false;
    this.live = true;
    this.#tell("live", { recovered });
  }

  /** The server says no. */
  refused({ code, detail }) {
    if (code === "store-unavailable" || this.#mayComeBack(code)) {
      this.#in(this.#backoff.next(), () => this.#ask());
    } else if (code === "forbidden" && !this.#renewed) {
      this.#renewed = true; // the token may be older than the job
      this.#in(null);
      this.#renewToken();
    } else {
      this.fail(new WaymarkError(code, detail));
    }
  }

  fail(error) {
    this.failed = true;
    this.#in(null);
    this.#tell("error", error);
  }

  #resync() {
    const due = this.#askedAt + RESYNC_EVERY_MS - this.#clock.now();
    if (due <= 0) this.#ask();
    else if (this.live) this.#in(due, () => this.#ask());
    this.live = false;
  }

  #ask() {
    this.asked();
    this.#subscribe();
  }

  #mayComeBack(code) {
    if (code !== "job-not-found" || this.view.step === 0) return false;
    this.#missingSince ??= this.#clock.now();
    return this.#clock.now() - this.#missingSince < MISSING_FOR_MS;
  }

  #tell(type, event) {
    for (const listener of [...this.listeners]) listener.emit(type, event);
  }

  #in(ms, act) {
    this.#cancelTimer?.();
    this.#cancelTimer = ms === null ? null : this.#clock.after(ms, act);
  }
}
