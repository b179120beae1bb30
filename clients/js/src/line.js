/**
 * Keeps one connection to the notifier for as long as somebody wants it: opens, backs off,
 * resumes, renews the token, and on `drain` has the new connection before it leaves the old one.
 */

import { MAX_MS } from "./backoff.js";
import { STATE_INVALIDATED } from "./closes.js";
import { Emitter } from "./emitter.js";
import { UnauthorizedError, WaymarkError } from "./errors.js";
import { Pauses } from "./pauses.js";
import { keyOf } from "./sse.js";
import { Status } from "./status.js";
import { Timers } from "./timers.js";

const STABLE_MS = 10_000; // of being welcome, before pauses begin from short ones again
const LINGER_MS = 30_000; // without anything to follow
const HIDDEN_MS = 60_000; // without anybody looking
const JITTER_MS = 500; // all the tabs of a window become visible at once
const SWITCH_WITHIN_MS = 5_000; // from the new connection's welcome to the old one's end
const RENEW_AGAIN_MS = 5_000;

/** Emits `state` (a status), `frame`, `lost`, `invalidated`, and `fatal` with an error. */
export class Line extends Emitter {
  #its; // url, ways, tokens, clock, around, subscriptions(), wanted(reason), staysWhenHidden
  #status = new Status((status) => this.emit("state", status));
  #pauses;
  #timers;
  #current = null;
  #next = null; // the one that is to take over, while both are there
  #waiting = new Set(); // what the next one has to catch up with before it does
  #attempt = null;
  #isWanted = false;
  #stopListening;

  constructor(its) {
    super();
    this.#its = its;
    this.#pauses = new Pauses(its.clock);
    this.#timers = new Timers(its.clock);
    this.#stopListening = its.around.listen({
      hidden: () => this.#hide(),
      visible: () => this.#look(),
      online: () => this.#look(0),
      offline: () => this.#cut(),
      leaving: () => this.#rest("the page was left"),
      back: () => this.#look(),
    });
  }

  get status() {
    return this.#status.value;
  }

  /** Whether there is anything to follow. */
  want(isWanted) {
    this.#isWanted = isWanted;
    if (!isWanted) this.#timers.start("linger", LINGER_MS, () => this.#rest("nothing to follow"));
    else {
      this.#timers.stop("linger");
      if (this.status.state === "idle" || this.status.state === "closed") this.#connect();
    }
  }

  subscribe(subscriptions) {
    for (const transport of this.#transports) transport.subscribe(subscriptions);
  }

  unsubscribe(subscriptions) {
    for (const transport of this.#transports) transport.unsubscribe(subscriptions);
  }

  /** Fetches a new token and hands it in; resolves when the server has been told. */
  async renewToken(reason) {
    try {
      const token = await this.#its.tokens.renew(this.#its.wanted(reason));
      for (const transport of this.#transports) transport.authenticate(token);
      this.#planRenewal();
    } catch (fault) {
      if (fault instanceof UnauthorizedError) this.#fail(fault);
      else this.#timers.start("renew", RENEW_AGAIN_MS, () => this.renewToken(reason));
    }
  }

  close() {
    this.#isWanted = false;
    this.#stopListening();
    this.#hangUp();
    this.#status.set("closed", "closed by its owner");
  }

  get #transports() {
    return [this.#current, this.#next].filter(Boolean);
  }

  // --- from nothing to a connection

  #connect() {
    this.#timers.stop("retry");
    if (!this.#isWanted) return void this.#status.set("idle", "nothing to follow");
    this.#status.step("connecting");
    this.#open(this.#its.ways.next(), (transport) => {
      this.#current = transport;
    });
  }

  /** Gets the token first, so that `take` gets the transport when there is one. */
  #open(kind, take) {
    const attempt = {};
    this.#attempt = attempt;
    this.#its.tokens.get(this.#its.wanted("connecting")).then(
      (token) => {
        if (this.#attempt !== attempt) return;
        this.#attempt = null;
        this.#take(kind, token, take);
      },
      (fault) => {
        if (this.#attempt !== attempt) return;
        this.#attempt = null;
        if (fault instanceof UnauthorizedError) this.#fail(fault);
        else if (!this.#current) {
          this.#retryIn(this.#pauses.next(), "offline", `no token: ${fault.message}`);
        }
      },
    );
  }

  #take(kind, token, take) {
    try {
      take(this.#transport(kind, token));
    } catch (fault) {
      // An address that the browser refuses (a page of https: may not open ws:) stays refused.
      this.#fail(new WaymarkError("refused-address", fault.message));
    }
  }

  #transport(kind, token) {
    const { url, ways, subscriptions } = this.#its;
    const transport = ways.open(kind, {
      url,
      hello: () => ({ token, subscriptions: subscriptions() }),
      on: {
        opened: () => this.#opened(transport),
        welcome: () => this.#welcomed(transport),
        frame: (frame) => this.#read(transport, frame),
        ended: (end) => this.#ended(transport, end),
      },
    });
    return transport;
  }

  #opened(transport) {
    this.#its.ways.opened(transport.kind);
    if (transport === this.#current) this.#status.step("auth");
    else this.#waiting = new Set(this.#its.subscriptions().map(keyOf));
  }

  #welcomed(transport) {
    this.#pauses.welcomed();
    if (transport === this.#next) {
      this.#timers.start("switch", SWITCH_WITHIN_MS, () => this.#switch());
      return;
    }
    this.#status.set("live");
    this.#timers.start("stable", STABLE_MS, () => this.#pauses.stable());
    this.#planRenewal();
    if (this.#its.ways.isWorthAnotherTry(transport.kind)) this.#prepareNext("websocket");
  }

  #read(transport, frame) {
    if (frame.type === "auth_expiring") this.renewToken("expiring");
    else if (frame.type === "drain") this.#drain(transport, frame);
    else this.emit("frame", { frame, moving: this.#next !== null });
    if (transport === this.#next && (frame.type === "live" || frame.type === "error")) {
      this.#waiting.delete(keyOf(frame));
      if (this.#waiting.size === 0) this.#switch();
    }
  }

  #planRenewal() {
    const ms = this.#its.tokens.freshFor;
    if (ms !== null) this.#timers.start("renew", ms, () => this.renewToken("expiring"));
  }

  // --- make before break

  #drain(transport, { after_ms: afterMs }) {
    if (transport !== this.#current) return;
    const ms = this.#pauses.draining(afterMs);
    this.#timers.start("drain", ms, () => this.#prepareNext(transport.kind));
  }

  #prepareNext(kind) {
    if (!this.#current || this.#next) return;
    this.#open(kind, (transport) => {
      this.#next = transport;
    });
  }

  #switch() {
    this.#timers.stop("switch");
    const [left, next] = [this.#current, this.#next];
    [this.#current, this.#next] = [next, null];
    left.close();
    this.#status.set("live");
  }

  // --- from a connection to the next one

  #ended(transport, { code, reason }) {
    if (!transport.opened) this.#its.ways.failed();
    if (transport === this.#next) this.#nextEnded(transport);
    else if (transport === this.#current) this.#currentEnded(transport, code, reason);
  }

  #nextEnded(transport) {
    this.#next = null;
    this.#timers.stop("switch");
    if (this.#current.kind !== transport.kind) this.#its.ways.hasNoWebSocket();
    else this.#timers.start("drain", this.#pauses.next(), () => this.#prepareNext(transport.kind));
  }

  #currentEnded(transport, code, reason) {
    this.#timers.stop("stable");
    this.#timers.stop("drain");
    [this.#current, this.#next] = [this.#next, null];
    if (this.#current?.welcomed) {
      this.#timers.stop("switch");
      return;
    }
    this.emit("lost");
    if (code === STATE_INVALIDATED) this.emit("invalidated");
    if (this.#current) this.#status.step("connecting");
    else this.#goOn(code, `${reason || "the connection was lost"} (${code})`, transport.welcomed);
  }

  #goOn(code, reason, wasWelcomed) {
    const pause = this.#pauses.after(code);
    if (pause === null) return void this.#fail(new WaymarkError(String(code), reason));
    if (pause.needsToken) this.#its.tokens.forget();
    this.#retryIn(pause.ms, wasWelcomed ? "resuming" : "offline", reason);
  }

  #retryIn(ms, state, reason) {
    if (this.#its.around.hidden() && !this.#its.staysWhenHidden) {
      this.#status.set("idle", "nobody looks");
      return;
    }
    this.#status.set(state, reason, this.#its.clock.now() + ms);
    this.#timers.start("retry", ms, () => this.#connect());
  }

  // --- the world around

  #hide() {
    if (!this.#its.staysWhenHidden) {
      this.#timers.start("hide", HIDDEN_MS, () => this.#rest("nobody looks"));
    }
  }

  #look(ms = this.#its.clock.random() * JITTER_MS) {
    this.#timers.stop("hide");
    if (this.#current || this.#attempt || !this.#isWanted || this.status.state === "closed") return;
    this.#timers.start("retry", ms, () => this.#connect());
  }

  #cut() {
    if (!this.#isWanted) return;
    this.#hangUp();
    // Browsers are sometimes wrong about that: so it is tried all the same, seldom.
    this.#status.set("offline", "the browser is offline", this.#its.clock.now() + MAX_MS);
    this.#timers.start("retry", MAX_MS, () => this.#connect());
  }

  #rest(reason) {
    this.#hangUp();
    if (this.status.state !== "closed") this.#status.set("idle", reason);
  }

  #fail(error) {
    this.#hangUp();
    this.#pauses.welcomed(); // whoever tries again later begins anew
    this.#its.tokens.forget();
    this.#status.set("closed", error.message);
    this.emit("fatal", error);
  }

  #hangUp() {
    this.#timers.stopAll();
    this.#attempt = null;
    const open = this.#transports;
    this.#current = this.#next = null;
    for (const transport of open) transport.close();
    if (open.length > 0) this.emit("lost");
  }
}
