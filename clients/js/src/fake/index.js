/**
 * `fakeJobs()`: a notifier in your own program, for Storybook and tests. It speaks the frames of
 * `waymark.v1`, resumes by cursor like the real one, and breaks when it is told to.
 */

import { systemClock } from "../clock.js";
import { FakeJob } from "./job.js";
import { socketsOf } from "./socket.js";

export { FakeClock } from "./clock.js";
export { scenarios } from "./scenarios.js";

export function fakeJobs({ clock = systemClock, latencyMs = 1 } = {}) {
  return new FakeJobs(clock, latencyMs);
}

class FakeJobs {
  epoch = "e1";
  seq = 0;
  isDown = false; // nothing opens
  isStalled = false; // nothing arrives
  losesEvents = false; // they happen, and nobody is told
  pingEveryMs = 25_000;
  timeoutMs = 35_000;
  refusals = new Map(); // what a subscription of a job is answered instead: {code, detail}
  hellos = []; // every hello that was heard
  heard = []; // every other message
  #clock;
  #jobs = new Map();
  #sessions = new Map();
  #log = []; // transitions, for the feed

  constructor(clock, latencyMs) {
    this.#clock = clock;
    this.latencyMs = latencyMs;
    /** Hand this to `connect`. */
    this.options = {
      url: "ws://fake/v1/stream",
      token: "a token",
      WebSocket: socketsOf(this, clock),
      fetch: null,
      clock,
    };
  }

  /** A job to do things to: `.queued().running().progress(1, 3, "reading").succeeded()`. */
  job(id) {
    if (!this.#jobs.has(id)) this.#jobs.set(id, new FakeJob(id, this));
    return this.#jobs.get(id);
  }

  /** Lets a scenario happen, one line every `everyMs`; returns the function that stops it. */
  play(id, scenario, { everyMs = 600 } = {}) {
    const lines = [...scenario];
    let stop = () => {};
    const next = () => {
      const line = lines.shift();
      if (!line) return;
      line(this.job(id));
      stop = this.#clock.after(everyMs, next);
    };
    next();
    return () => stop();
  }

  get connections() {
    return this.#sessions.size;
  }

  /** Ends every connection: 1006 as a lost network would, or with a code of the server's. */
  drop(code = 1006, reason = "") {
    for (const socket of [...this.#sessions.keys()]) socket.end(code, reason);
  }

  /** Announces its end, as before a deploy. */
  drain({ after_ms = [0, 0], grace_ms = 10_000 } = {}) {
    for (const socket of this.#sessions.keys()) {
      socket.deliver({ type: "drain", after_ms, grace_ms });
      this.#clock.after(grace_ms, () => socket.end(4200, "draining"));
    }
  }

  /** Fails over to a replica that had not heard of each job's last `forgotten` steps. */
  failOver({ forgotten = 0 } = {}) {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.#log = [];
    for (const [id, job] of this.#jobs) {
      job.moveTo(this.epoch, forgotten);
      for (const [socket, session] of this.#sessions) {
        if (session.jobs.has(id)) this.#bring(socket, { job: id });
      }
    }
  }

  say(frame) {
    for (const socket of this.#sessions.keys()) socket.deliver(frame);
  }

  // --- what its jobs and sockets call

  timestamp() {
    return new Date(this.#clock.now()).toISOString();
  }

  nextSeq() {
    this.seq += 1;
    return this.seq;
  }

  publish(frame) {
    if (frame.type === "transition") this.#log.push(frame);
    if (this.losesEvents) return;
    for (const [socket, { jobs, feed }] of this.#sessions) {
      if (feed || jobs.has(frame.job)) socket.deliver(frame);
    }
  }

  enter(socket) {
    this.#sessions.set(socket, { jobs: new Set(), feed: false, stopPings: () => {} });
  }

  leave(socket) {
    this.#sessions.get(socket)?.stopPings();
    this.#sessions.delete(socket);
  }

  receive(socket, message) {
    if (message.type === "hello") this.#greet(socket, message);
    else {
      this.heard.push(message);
      if (message.type === "subscribe") this.#subscribe(socket, message.subscriptions);
      if (message.type === "unsubscribe") this.#unsubscribe(socket, message.subscriptions);
      if (message.type !== "pong") socket.deliver({ type: "ok", id: message.id });
    }
  }

  #greet(socket, hello) {
    this.hellos.push(hello);
    socket.deliver({
      type: "welcome",
      session: `fake.${this.hellos.length}`,
      expires_at: new Date(this.#clock.now() + 900_000).toISOString(),
      ping_interval_ms: this.pingEveryMs,
      timeout_ms: this.timeoutMs,
      max_subscriptions: 200,
    });
    this.#pingLater(socket);
    this.#subscribe(socket, hello.subscriptions);
  }

  #pingLater(socket) {
    const session = this.#sessions.get(socket);
    session.stopPings = this.#clock.after(this.pingEveryMs, () => {
      socket.deliver({ type: "ping" });
      this.#pingLater(socket);
    });
  }

  #subscribe(socket, subscriptions) {
    const session = this.#sessions.get(socket);
    for (const subscription of subscriptions) {
      const { job } = subscription;
      const refusal = this.refusals.get(job);
      if (refusal) socket.deliver({ type: "error", ...(job ? { job } : { feed: true }), ...refusal });
      else if (subscription.feed) this.#bringFeed(socket, session, subscription);
      else if (this.#jobs.has(job)) {
        session.jobs.add(job);
        this.#bring(socket, subscription);
      } else {
        const detail = `There is no job ${job}.`;
        socket.deliver({ type: "error", job, code: "job-not-found", detail });
      }
    }
  }

  #unsubscribe(socket, subscriptions) {
    const session = this.#sessions.get(socket);
    for (const { job, feed } of subscriptions) {
      if (feed) session.feed = false;
      else session.jobs.delete(job);
    }
  }

  #bring(socket, subscription) {
    const { job } = subscription;
    const { frames, recovered } = this.job(job).framesSince(subscription);
    for (const frame of frames) socket.deliver(frame);
    socket.deliver({ type: "live", job, recovered });
  }

  #bringFeed(socket, session, { epoch, seq }) {
    session.feed = true;
    const recovered = epoch === this.epoch && seq <= this.seq;
    if (recovered) {
      for (const frame of this.#log.filter((each) => each.seq > seq)) socket.deliver(frame);
    } else if (epoch !== undefined) socket.deliver({ type: "reset", feed: true, why: "epoch" });
    const here = { epoch: this.epoch, seq: this.seq };
    socket.deliver({ type: "live", feed: true, recovered, ...here });
  }
}
