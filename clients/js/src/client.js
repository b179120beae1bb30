/**
 * What a page holds: its jobs and its feed, over one line. Frames come in here and go to whoever
 * follows their job; what is followed is what the line subscribes, now and after each reconnect.
 */

import { Emitter } from "./emitter.js";
import { WaymarkError } from "./errors.js";
import { Feed } from "./feed.js";
import { Follow } from "./follow.js";
import { Job } from "./job.js";
import { Line } from "./line.js";
import { Timers } from "./timers.js";

const TOGETHER_MS = 20; // what is let go in a moment goes out as one message
const LINGER_MS = 1_000; // a component that is taken out and put back asks for nothing anew

/** Emits `state` with `{state, reason, retryAt}`, `discontinuity`, and `error` where all ends. */
export class Waymark extends Emitter {
  #line;
  #clock;
  #timers;
  #follows = new Map();
  #feed = null;
  #asking = new Set();
  #leaving = [];
  #isClosed = false;

  constructor({ clock, onDiscontinuity, onState, onError, ...its }) {
    super();
    this.#clock = clock;
    this.#timers = new Timers(clock);
    this.#line = new Line({
      ...its,
      clock,
      subscriptions: () => this.#subscriptions(),
      wanted: (reason) => ({ jobs: [...this.#follows.keys()], feed: this.#feed !== null, reason }),
    });
    this.#line.on("state", (status) => this.emit("state", status));
    this.#line.on("frame", (told) => this.#read(told));
    this.#line.on("lost", () => this.#all((each) => each.lost()));
    this.#line.on("invalidated", () => this.#all((each) => each.forgetPlace()));
    this.#line.on("fatal", (error) => this.#fail(error));
    if (onState) this.on("state", onState);
    if (onError) this.on("error", onError);
    if (onDiscontinuity) this.on("discontinuity", onDiscontinuity);
  }

  /** "idle", "connecting", "auth", "live", "resuming", "offline" or "closed". */
  get state() {
    return this.#line.status.state;
  }

  /** `{state, reason, retryAt}`: why it is so, and when (ms since 1970) the next try comes. */
  get status() {
    return this.#line.status;
  }

  /** Follows a job. Close what you get, unless the job's end does that for you. */
  job(id, { untilFinal = true } = {}) {
    this.#mustBeOpen();
    const follow = this.#follows.get(id) ?? this.#newFollow(id);
    this.#timers.stop(id);
    return new Job(follow, { untilFinal, release: () => this.#release(follow) });
  }

  /** Follows all jobs of the tenant, from `cursor` on; the token must allow the feed. */
  feed({ cursor = null } = {}) {
    this.#mustBeOpen();
    if (this.#feed) return this.#feed;
    this.#feed = new Feed({
      cursor,
      clock: this.#clock,
      subscribe: () => this.#askFor(this.#feed),
      release: () => {
        this.#feed = null;
        this.#letGo({ feed: true });
      },
    });
    this.#ask(this.#feed);
    return this.#feed;
  }

  /** Closes the connection and everything that is followed over it. */
  close() {
    this.#isClosed = true;
    for (const follow of [...this.#follows.values()]) {
      for (const job of [...follow.listeners]) job.close();
      follow.stop();
    }
    this.#follows.clear();
    this.#feed?.close();
    this.#timers.stopAll();
    this.#line.close();
  }

  #mustBeOpen() {
    if (this.#isClosed) throw new WaymarkError("closed", "this connection was closed by its owner");
  }

  #newFollow(id) {
    const follow = new Follow(id, {
      clock: this.#clock,
      subscribe: () => this.#askFor(follow),
      renewToken: () => this.#askWithNewToken(follow),
      onDiscontinuity: (event) => this.emit("discontinuity", event),
    });
    this.#follows.set(id, follow);
    this.#ask(follow);
    return follow;
  }

  #ask(each) {
    each.asked?.();
    this.#askFor(each);
    this.#line.want(true);
  }

  /** Whatever is asked for in one turn goes out as one message: a server counts messages. */
  #askFor(each) {
    if (this.#asking.size === 0) queueMicrotask(() => this.#sayWhatIsAsked());
    this.#asking.add(each);
  }

  #sayWhatIsAsked() {
    const asked = [...this.#asking].filter((each) => this.#isFollowed(each));
    this.#asking.clear();
    if (asked.length > 0) this.#line.subscribe(asked.map(({ subscription }) => subscription));
  }

  #isFollowed(each) {
    return each === this.#feed || this.#follows.get(each.view?.job) === each;
  }

  async #askWithNewToken(follow) {
    await this.#line.renewToken("forbidden");
    if (this.#isFollowed(follow)) this.#ask(follow);
  }

  #release(follow) {
    if (follow.listeners.size > 0) return;
    if (follow.failed || follow.view.final) this.#drop(follow);
    else this.#timers.start(follow.view.job, LINGER_MS, () => this.#drop(follow));
  }

  #drop(follow) {
    const id = follow.view.job;
    if (this.#follows.get(id) !== follow || follow.listeners.size > 0) return;
    follow.stop();
    this.#follows.delete(id);
    this.#letGo({ job: id });
  }

  #letGo(subscription) {
    this.#leaving.push(subscription);
    this.#timers.start("leave", TOGETHER_MS, () => this.#sayWhatIsLeft());
    if (this.#follows.size === 0 && !this.#feed) this.#line.want(false);
  }

  #sayWhatIsLeft() {
    const isBack = ({ job }) => (job ? this.#follows.has(job) : this.#feed !== null);
    const left = this.#leaving.splice(0).filter((subscription) => !isBack(subscription));
    if (left.length > 0) this.#line.unsubscribe(left);
  }

  #subscriptions() {
    return this.#all((each) => {
      each.asked?.();
      return each.subscription;
    });
  }

  #all(act) {
    return [...this.#follows.values(), ...(this.#feed ? [this.#feed] : [])].map(act);
  }

  #read({ frame, moving }) {
    const follow = this.#follows.get(frame.job);
    const addressee = frame.job === undefined ? this.#feed : follow;
    switch (frame.type) {
      case "transition":
      case "progress":
        this.#feed?.take(frame, { moves: follow === undefined || follow.live });
        follow?.take(frame);
        break;
      case "snapshot":
        if (!(moving && follow?.isBehind(frame))) follow?.take(frame);
        break;
      case "live":
        addressee?.caughtUp(frame);
        break;
      case "reset":
        this.#feed?.reset(frame);
        break;
      case "error": // one about neither refused a message, and changed nothing
        if (frame.job !== undefined || frame.feed) addressee?.refused(frame);
        break;
      default: // `ok`, and what later servers may say
    }
  }

  #fail(error) {
    this.#all((each) => each.fail(error));
    this.emit("error", error);
  }
}
