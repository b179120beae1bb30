/**
 * By which way to connect: a WebSocket, or event streams where none ever opens. What was found
 * out is remembered for an hour, so that the next page need not find out again.
 */

import { SocketTransport } from "./socket.js";
import { EventsTransport } from "./sse.js";

const FAILURES = 3; // in a row, before another way is tried
const REMEMBERED_MS = 3_600_000;
const STREAMS = 5; // of a browser at a time: over HTTP/1.1 it has six connections to a host
const KEY = "waymark.without-websocket-until";

export class Ways {
  #WebSocket;
  #fetch;
  #clock;
  #storage;
  #atMost;
  #neverOpened = 0;
  #everOpened = false;

  constructor({ WebSocket, fetch, clock, storage, isBrowser }) {
    this.#WebSocket = WebSocket;
    this.#fetch = fetch;
    this.#clock = clock;
    this.#storage = storage;
    this.#atMost = isBrowser ? STREAMS : Infinity;
  }

  /** The way for the next try: every other one is a WebSocket, while none of them opens. */
  next() {
    if (!this.#WebSocket) return "sse";
    if (!this.#fetch || this.#everOpened) return "websocket";
    if (this.#remembered() && this.#neverOpened === 0) return "sse";
    return this.#neverOpened >= FAILURES && this.#neverOpened % 2 === 1 ? "sse" : "websocket";
  }

  open(kind, { url, hello, on }) {
    const [clock, WebSocket, fetch] = [this.#clock, this.#WebSocket, this.#fetch];
    return kind === "sse"
      ? new EventsTransport({ url, fetch, clock, hello, on, atMost: this.#atMost })
      : new SocketTransport({ url, WebSocket, clock, hello, on });
  }

  /** Whether event streams are in use without anybody knowing that a WebSocket cannot be had. */
  isWorthAnotherTry(kind) {
    return kind === "sse" && Boolean(this.#WebSocket) && !this.#remembered();
  }

  opened(kind) {
    if (kind !== "websocket") return;
    this.#everOpened = true;
    this.#neverOpened = 0;
    this.#remember(null);
  }

  /** A try has ended without ever opening. */
  failed() {
    this.#neverOpened += 1;
  }

  /** Event streams work at the same time as no WebSocket does. */
  hasNoWebSocket() {
    this.#remember(this.#clock.now() + REMEMBERED_MS);
    this.#neverOpened = 0;
  }

  #remembered() {
    try {
      return Number(this.#storage?.getItem(KEY) ?? 0) > this.#clock.now();
    } catch {
      return false; // storage may be forbidden
    }
  }

  #remember(until) {
    try {
      if (until === null) this.#storage?.removeItem(KEY);
      else this.#storage?.setItem(KEY, String(until));
    } catch {
      // then it is found out again
    }
  }
}
