/**
 * The same frames over `text/event-stream`, for networks that let no WebSocket through and for a
 * Node without one. One request for each subscription; the token travels in a header.
 */

import { BAD_TOKEN, REVOKED, TOKEN_EXPIRED, TOO_MANY_CONNECTIONS } from "./closes.js";
import { EventStreamReader } from "./event-stream.js";
import { isFinal } from "./rule.js";

const SILENCE_MS = 45_000; // the server says something every 15 s
const NETWORK_GONE = 1006;
const INTERNAL = 4100;
const DRAINING = 4200;

/** What a problem would have been as a close code; any other is one to back off from. */
const CLOSES = {
  "token-expired": TOKEN_EXPIRED,
  "token-revoked": REVOKED,
  "invalid-token": BAD_TOKEN,
  unauthenticated: BAD_TOKEN,
  "too-many-connections": TOO_MANY_CONNECTIONS,
};

export class EventsTransport {
  kind = "sse";
  opened = false;
  welcomed = false;
  #origin;
  #fetch;
  #clock;
  #on;
  #token;
  #streams = new Map(); // by key, those that wait for a place too
  #open = new Set();
  #waiting = [];
  #atMost;
  #ended = false;

  /**
   * As `SocketTransport`; `url` is the stream's, its other routes lie beside it. `atMost`: how many
   * streams at a time; the others wait until one of them has ended.
   */
  constructor({ url, fetch, clock, hello, on, atMost = Infinity }) {
    this.#origin = url.replace(/^ws/, "http").replace(/\/v1\/stream$/, "");
    this.#fetch = fetch;
    this.#clock = clock;
    this.#on = on;
    this.#atMost = atMost;
    const { token, subscriptions } = hello();
    this.#token = token;
    this.subscribe(subscriptions);
  }

  subscribe(subscriptions) {
    for (const subscription of subscriptions) {
      this.#drop(keyOf(subscription));
      const stream = new AbortController();
      this.#streams.set(keyOf(subscription), stream);
      this.#waiting.push({ subscription, stream });
    }
    this.#openSome();
  }

  unsubscribe(subscriptions) {
    for (const subscription of subscriptions) this.#drop(keyOf(subscription));
  }

  /** For what is opened from now on; a stream whose token expires is ended by the server. */
  authenticate(token) {
    this.#token = token;
  }

  close() {
    this.#ended = true;
    for (const key of [...this.#streams.keys()]) this.#drop(key);
  }

  #drop(key) {
    const stream = this.#streams.get(key);
    if (!stream) return;
    stream.abort();
    this.#streams.delete(key);
    this.#waiting = this.#waiting.filter((other) => other.stream !== stream);
    if (this.#open.delete(stream) && !this.#ended) queueMicrotask(() => this.#openSome());
  }

  #openSome() {
    while (this.#waiting.length > 0 && this.#open.size < this.#atMost) {
      const { subscription, stream } = this.#waiting.shift();
      this.#open.add(stream);
      this.#follow(subscription, stream).catch((fault) => {
        if (!stream.signal.aborted) this.#end(NETWORK_GONE, String(fault?.message ?? fault));
      });
    }
  }

  async #follow(subscription, stream) {
    const watch = new Silence(this.#clock, () => {
      if (!stream.signal.aborted) this.#end(NETWORK_GONE, "nothing heard from the server");
    });
    stream.signal.addEventListener("abort", () => watch.stop(), { once: true });
    const answer = await this.#fetch(this.#origin + pathOf(subscription), {
      headers: this.#headers(subscription),
      signal: stream.signal,
      cache: "no-store",
    });
    if (stream.signal.aborted) return;
    if (answer.status === 200) {
      this.#isOpen();
      const hasEnded = await this.#readAll(answer.body, subscription, stream, watch);
      if (hasEnded) this.#isTold(subscription);
      else if (!stream.signal.aborted) this.#end(DRAINING, "the server has ended the stream");
    } else if (answer.status === 204) {
      this.#isOpen();
      this.#isTold(subscription);
    } else {
      const problem = await answer.json().catch(() => ({}));
      if (!stream.signal.aborted) this.#refused(subscription, answer.status, problem);
    }
  }

  #headers(subscription) {
    const { epoch, revision, step, seq } = subscription;
    const headers = { accept: "text/event-stream", authorization: `Bearer ${this.#token}` };
    if (epoch !== undefined) {
      headers["last-event-id"] = subscription.feed ? `${epoch}-${seq}` : `${epoch}-${revision}-${step}`;
    }
    return headers;
  }

  /** Returns whether the job has ended, and its stream with it. */
  async #readAll(body, { job }, stream, watch) {
    let hasEnded = false;
    const events = new EventStreamReader();
    const text = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done || stream.signal.aborted) return hasEnded;
      watch.heard();
      for (const { data } of events.take(text.decode(value, { stream: true }))) {
        if (stream.signal.aborted) return hasEnded;
        const frame = parsed(data);
        if (frame?.state) hasEnded = job !== undefined && isFinal(frame.state);
        if (frame) this.#on.frame(frame);
      }
    }
  }

  /** A job that has ended has nothing more to tell: no stream is kept open for it. */
  #isTold(subscription) {
    this.#drop(keyOf(subscription));
    this.#on.frame({ type: "live", job: subscription.job, recovered: true });
  }

  #isOpen() {
    if (this.opened) return;
    this.opened = true;
    this.#on.opened();
    this.welcomed = true;
    this.#on.welcome({ type: "welcome" });
  }

  #refused(subscription, status, { code, detail }) {
    const said = detail ?? `the server answered ${status}`;
    if (code !== undefined && (status === 403 || status === 404)) {
      this.#drop(keyOf(subscription));
      this.#isOpen(); // one of them is refused; whoever answers that is there
      const { job, feed } = subscription;
      this.#on.frame({ type: "error", job, feed, code, detail: said });
    } else this.#end(CLOSES[code] ?? INTERNAL, said);
  }

  #end(code, reason) {
    if (this.#ended) return;
    this.close();
    this.#on.ended({ code, reason });
  }
}

/** Tells when nothing was heard for too long. */
class Silence {
  #clock;
  #act;
  #cancel;

  constructor(clock, act) {
    this.#clock = clock;
    this.#act = act;
    this.heard();
  }

  heard() {
    this.#cancel?.();
    this.#cancel = this.#clock.after(SILENCE_MS, this.#act);
  }

  stop() {
    this.#cancel();
  }
}

export const keyOf = ({ job }) => job ?? "";

const pathOf = ({ job }) => (job === undefined ? "/v1/feed/events" : `/v1/jobs/${job}/events`);

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
